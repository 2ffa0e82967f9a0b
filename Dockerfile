# Codex as a worker in a container: main.py by default. See docs/how-to/containers.md.
#
#     docker build -t codexmcp:latest .
#
# The same input makes the same layers: uv.lock pins the Python packages and Codex, the bytecode does not
# depend on when it was made, and every file that a build makes has the time SOURCE_DATE_EPOCH. Debian's
# packages are those of the day. `bash scripts/pin.sh` pins the images by digest.

ARG BASE_IMAGE=debian:13-slim
ARG UV_IMAGE=ghcr.io/astral-sh/uv:0.13

FROM ${UV_IMAGE} AS uv

FROM ${BASE_IMAGE} AS base
ARG SOURCE_DATE_EPOCH=1767225600
# bubblewrap is left out on purpose: Codex would prefer it to its own, and Debian's cannot mount
# /proc in a container.
RUN touch /dev/shm/start && export DEBIAN_FRONTEND=noninteractive PYTHONHASHSEED=0 \
    && apt-get update \
    && apt-get install --yes --no-install-recommends \
       ca-certificates curl libcurl3t64-gnutls python3 tini tzdata \
    # Git without Perl, which is four times as large: only mail and Subversion need it.
    && cd /tmp && apt-get download git && dpkg-deb --extract git_*.deb git \
    && dpkg-deb --field git_*.deb Version >git/usr/share/git-core/version \
    && mkdir kept && mv git/usr/share/git-core git/usr/share/doc/git/copyright kept/ && rm -rf git/usr/share \
    && install -D -m 644 kept/copyright git/usr/share/doc/git/copyright && mv kept/git-core git/usr/share/ \
    && (cd git/usr/lib/git-core && rm -f git git-daemon git-http-backend git-http-fetch git-http-push \
       git-imap-send git-shell scalar ../../bin/scalar && ln -s ../../bin/git git \
       && grep --files-with-matches --binary-files=without-match '^#!/usr/bin/perl' * | xargs rm) \
    && cp --archive --no-clobber git/. / \
    # Bytecode of what is imported is made below.
    && find /usr/lib/python3* -name __pycache__ -prune -exec rm -r '{}' + \
    && rm -rf git git_*.deb kept /usr/lib/python3.*/test /var/cache/ldconfig/aux-cache \
    # Emptied, because the mark of a removed file has the time of its removal.
    && find /var/lib/apt/lists -type f ! -name lock -delete \
    && find /var/log -type f -exec truncate --size 0 '{}' + \
    && ln -s python3 /usr/local/bin/python \
    # No program of the base makes its user another one.
    && find / -xdev -type f -perm /6000 -exec chmod ug-s '{}' + \
    # For the entrypoint alone, to work as the owner of a mounted folder: only group 0 may run it, and
    # what the entrypoint starts cannot, because no_new_privs is set by then.
    && install -D -m 4750 /usr/bin/setpriv /usr/local/libexec/codexmcp/setpriv \
    && useradd --uid 10001 --gid 0 --no-create-home --home-dir /home/codex --shell /bin/bash codex \
    # What a run writes to. Any --user can, and a plain --tmpfs takes over the mode.
    && install -d -m 1777 /app/.codex /app/output /home/codex \
    && find / -xdev -newer /dev/shm/start -exec touch --no-dereference --date "@$SOURCE_DATE_EPOCH" '{}' +

FROM base AS build
# For strip alone.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends binutils \
    && rm -rf /var/lib/apt/lists/*
COPY --from=uv /uv /usr/local/bin/uv
WORKDIR /app
ENV UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never UV_PYTHON=/usr/bin/python3 PYTHONHASHSEED=0
# Dependencies first: a change of the source leaves this layer, which is nearly all of the image.
RUN --mount=type=cache,target=/root/.cache/uv \
    --mount=type=bind,source=pyproject.toml,target=/app/pyproject.toml \
    --mount=type=bind,source=uv.lock,target=/app/uv.lock \
    uv sync --frozen --no-dev --no-install-project \
    # Some libraries come with their debug information: 6 MB.
    && find .venv -name '*.so' -exec strip --strip-unneeded '{}' + \
    # uv's lock file could be written to by all.
    && rm -f .venv/.lock \
    && find .venv -exec touch --no-dereference --date "@$SOURCE_DATE_EPOCH" '{}' + \
    # Bytecode of what the programs import, which makes them start three times as fast; that of all
    # modules would take 27 MB more. It names the time of its source.
    && .venv/bin/python -c "import agents.mcp, agents.extensions.experimental.codex, mcp, openai, \
       dotenv.parser, h11, jsonschema, rich.console, textual.app, textual.widgets, websockets, \
       curses, difflib, sqlite3, tomllib; openai.AsyncOpenAI(api_key='none').responses" \
    # One path for the shell, whatever the version of Python. The bundled helpers are found beside the
    # real file.
    && mkdir -p /deps/app /deps/usr/local/bin \
    && ln -s "$(.venv/bin/python -c 'import codex_cli_bin; print(codex_cli_bin.bundled_codex_path())')" \
       /deps/usr/local/bin/codex \
    && cp --archive .venv /deps/app/ \
    && find /usr/lib/python3* -name __pycache__ -exec cp --archive --parents '{}' /deps/ ';' \
    && find /deps -exec touch --no-dereference --date "@$SOURCE_DATE_EPOCH" '{}' +

# The program on its own, to be laid over the dependencies.
FROM build AS program
COPY . .
RUN mkdir -p /program/app/.codex /program/app/scripts /program/usr/local/share/codexmcp /program/etc/codex \
    && uv pip install --quiet --no-deps --python .venv --prefix /program/app/.venv . \
    # uv's own notes name the time.
    && rm -f /program/app/.venv/.lock /program/app/.venv/lib/*/site-packages/*/uv_cache.json \
    && sed -i '/uv_cache.json/d' /program/app/.venv/lib/*/site-packages/*/RECORD \
    && .venv/bin/python -m compileall -q -s /program/app/.venv -p /app/.venv \
       --invalidation-mode unchecked-hash /program/app/.venv/lib \
    && cp --recursive .codex/skills /program/app/.codex/ \
    # For a home that is a tmpfs or an empty volume: the entrypoint copies what is missing.
    && cp --recursive .codex /program/usr/local/share/codexmcp/home \
    # Codex would log an error for each of its own skills that it cannot write to a home.
    && printf '[skills.bundled]\nenabled = false\n' >/program/etc/codex/config.toml \
    && install -m 755 scripts/entrypoint.sh /program/app/scripts/ \
    && install -m 644 LICENSE main.py newway.py /program/app/ \
    && .venv/bin/python scripts/no_setuid.py >/program/usr/local/share/codexmcp/no-setuid.bpf \
    && .venv/bin/python scripts/sbom.py --python .venv --python /program/app/.venv \
       >/program/usr/local/share/codexmcp/sbom.cdx.json \
    && chmod 1777 /program/app/.codex \
    && find /program -exec touch --no-dereference --date "@$SOURCE_DATE_EPOCH" '{}' +

FROM base
# Each tree begins at /, so that the folders on the way have their times from it, too.
COPY --from=build /deps/ /
COPY --from=program /program/ /
ENV PATH=/app/.venv/bin:$PATH \
    HOME=/home/codex \
    CODEX_HOME=/app/.codex \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    # The container is the sandbox: Docker's default seccomp profile blocks Codex's own. To have
    # both: -e CODEX_SANDBOX_MODE=workspace-write --security-opt seccomp=scripts/seccomp.json
    CODEX_SANDBOX_MODE=danger-full-access

ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="codexmcp" \
      org.opencontainers.image.description="OpenAI's Codex as a worker for other programs" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
WORKDIR /app
USER 10001:0
HEALTHCHECK --interval=30s --timeout=15s --start-period=30s \
    CMD ["/app/scripts/entrypoint.sh", "healthcheck"]
ENTRYPOINT ["/app/scripts/entrypoint.sh"]
