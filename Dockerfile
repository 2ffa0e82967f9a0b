# Codex as a worker in a container: main.py by default. See docs/containers.md.
#
#     docker build -t codexmcp:latest .
#
# uv.lock pins what is installed. For the same bytes each time, pin the images too:
# --build-arg BASE_IMAGE=python:3.13-slim@sha256:... --build-arg UV_IMAGE=ghcr.io/astral-sh/uv@sha256:...

ARG BASE_IMAGE=python:3.13-slim
ARG UV_IMAGE=ghcr.io/astral-sh/uv:0.13

FROM ${UV_IMAGE} AS uv

FROM ${BASE_IMAGE} AS build
# For strip alone.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends binutils \
    && rm -rf /var/lib/apt/lists/*
COPY --from=uv /uv /usr/local/bin/uv
WORKDIR /app
ENV UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
# Dependencies first: a change of the source leaves this layer, which is nearly all of the image.
RUN --mount=type=cache,target=/root/.cache/uv \
    --mount=type=bind,source=pyproject.toml,target=/app/pyproject.toml \
    --mount=type=bind,source=uv.lock,target=/app/uv.lock \
    uv sync --frozen --no-dev --no-install-project \
    # Some libraries come with their debug information: 6 MB.
    && find .venv -name '*.so' -exec strip --strip-unneeded '{}' + \
    # Bytecode of what the programs import, which makes them start three times as fast; that of all
    # modules would take 20 MB more. uv's lock file could be written to by all.
    && .venv/bin/python -c "import agents.mcp, agents.extensions.experimental.codex, mcp, openai, \
       dotenv.parser, h11, jsonschema, rich.console, textual.app, textual.widgets, websockets; \
       openai.AsyncOpenAI(api_key='none').responses" \
    && rm -f .venv/.lock

# The program on its own, to be laid over the dependencies.
FROM build AS program
COPY . .
RUN uv pip install --quiet --no-deps --python .venv --prefix /program . \
    && .venv/bin/python -m compileall -q -s /program -p /app/.venv \
       --invalidation-mode unchecked-hash /program/lib \
    && rm -f /program/.lock

FROM ${BASE_IMAGE}
# bubblewrap is left out on purpose: Codex would prefer it to its own, and Debian's cannot mount
# /proc in a container.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates tini \
    && rm -rf /var/lib/apt/lists/* \
    # For the entrypoint alone, to work as the owner of a mounted folder: only group 0 may run it, and
    # what the entrypoint starts cannot, because no_new_privs is set by then.
    && install -D -m 4750 /usr/bin/setpriv /usr/local/libexec/codexmcp/setpriv \
    && useradd --uid 10001 --gid 0 --no-create-home --home-dir /home/codex --shell /bin/bash codex \
    # What a run writes to. Any --user can, and a plain --tmpfs takes over the mode.
    && install -d -m 1777 /app/.codex /app/output /home/codex
COPY --from=build /app/.venv /app/.venv
ENV PATH=/app/.venv/bin:$PATH \
    HOME=/home/codex \
    CODEX_HOME=/app/.codex \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    # The container is the sandbox: Docker's default seccomp profile blocks Codex's own. To have
    # both: -e CODEX_SANDBOX_MODE=workspace-write --security-opt seccomp=scripts/seccomp.json
    CODEX_SANDBOX_MODE=danger-full-access
# One path for the shell, whatever the version of Python. The bundled helpers are found beside the
# real file.
RUN ln -s "$(python -c 'import codex_cli_bin; print(codex_cli_bin.bundled_codex_path())')" \
    /usr/local/bin/codex
COPY .codex/skills /app/.codex/skills
# For a home that is a tmpfs or an empty volume: the entrypoint copies what is missing.
COPY .codex /usr/local/share/codexmcp/home
COPY --chmod=755 scripts/entrypoint.sh /app/scripts/entrypoint.sh
COPY --from=program /program /app/.venv
COPY LICENSE main.py newway.py /app/

ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="codexmcp" \
      org.opencontainers.image.description="OpenAI's Codex as a worker for other programs" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
WORKDIR /app
USER 10001:0
ENTRYPOINT ["/app/scripts/entrypoint.sh"]
