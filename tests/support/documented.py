"""The commands in the README and in docs, and the tests that run the expensive ones. Pure.

A command in neither table is run by `tests/process/test_documented_commands.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

from tests.support.builds import CHECKOUT

PAGES = (CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").rglob("*.md")))


class Needs(StrEnum):
    """The reason why no test here runs a command."""

    ROOT = "root"
    SYSTEMD = "a user manager of systemd or launchd"
    MACHINE = "another machine, or a change of this one beyond the test"
    ACCOUNT = "a key, a login or a paid account"
    HOURS = "hours, or the whole suite"


_MAIN = "tests/process/test_main_work.py::test_files_come_out_and_are_listed"
_REHEARSAL = (
    "tests/process/test_main_work.py::test_a_rehearsal_needs_no_key_and_uses_the_tools_of_its_model"
)
_INSTALLED = "tests/process/test_installed_agent.py::"
_CAMPAIGN = "tests/campaign/test_campaign.py::test_a_seed_breaks_no_promise"
_CLAUDE = "tests/clients/test_npm_claude_code.py::"
_PLUGIN = (
    "tests/clients/test_npm_claude_plugin.py::test_the_commands_of_the_documentation_install_it"
)
_INSPECTOR = (
    "tests/clients/test_npm_inspector.py::"
    "test_the_commands_of_the_documentation_list_the_tools_and_call_one"
)
_COMPOSE = "tests/container/test_compose.py::"
_HTTP = "tests/process/test_http_serve.py::"
_IMAGE = "tests/container/test_hardening.py::test_the_smoke_skill_runs"
_CONTAINED = "tests/container/test_serve_in_container.py::"
_SCRIPT = "tests/container/test_skill_script.py::"
_SNAKE = '"Create a snake game with HTML, CSS, and JavaScript"'
_DOCKER_RUN = 'docker run --rm -e OPENAI_API_KEY -v "$(pwd)/output:/app/output"'
_DOCKER_HOME = (
    "docker run --rm -e OPENAI_API_KEY -v codexmcp-home:/app/.codex "
    '-v "$(pwd)/output:/app/output" codexmcp:latest'
)
_SMOKE = "'$mcp-skill-smoke run the smoke script and report the file contents'"
_BOX = "--in-container codexmcp:latest --workspace ~/project"

RUN_BY = {
    f"uv run python main.py --rehearse {_SMOKE}": _REHEARSAL,
    "uv run python main.py --rehearse '$mcp-skill-smoke run the smoke command'": _REHEARSAL,
    "uv run python main.py --rehearse 'Run `date` and report what it prints'": _REHEARSAL,
    "uv run python newway.py --rehearse 'Run `date` and report what it prints'": _REHEARSAL,
    f"uv run python main.py {_SNAKE}": _MAIN,
    f"uv run python newway.py {_SNAKE}": _MAIN,
    f"codexmcp agent {_SNAKE}": f"{_INSTALLED}test_an_agent_works_below_the_working_directory",
    "codexmcp rehearse": f"{_INSTALLED}test_a_rehearsal_needs_no_checkout_no_key_and_no_prompt",
    "uv run python -m codexmcp.rehearsal examples/one_shot.py": (
        "tests/process/test_examples.py::test_an_example_ends_well_and_leaves_no_process"
    ),
    "uv run pytest -m campaign -n 2 tests/campaign": _CAMPAIGN,
    "claude mcp add codex -- codexmcp mcp-server --sandbox workspace-write": (
        f"{_CLAUDE}test_the_command_of_the_documentation_adds_a_server_that_is_healthy"
    ),
    "claude mcp add codex -- codexmcp mcp-server --shared": (
        f"{_CLAUDE}test_a_session_has_its_tools_while_the_supervisor_is_still_being_started"
    ),
    "claude plugin marketplace add ./": _PLUGIN,
    "claude plugin install codexmcp@codexmcp": _PLUGIN,
    "codex mcp add worker -- codexmcp mcp-server --sandbox workspace-write --approval-policy never "
    "-c mcp_servers.worker.enabled=false": (
        "tests/clients/test_codex.py::test_the_command_of_the_documentation_adds_the_server"
    ),
    "npx @modelcontextprotocol/inspector --cli codexmcp mcp-server --method tools/list": _INSPECTOR,
    "npx @modelcontextprotocol/inspector --cli codexmcp mcp-server --method tools/call "
    "--tool-name codex --tool-arg 'prompt=Say hello'": _INSPECTOR,
    "codexmcp profiles check": (
        "tests/process/test_profiles_cli.py::"
        "test_the_four_profiles_are_added_and_codex_works_by_them"
    ),
    "codexmcp mcp check": "tests/process/test_mcp_cli.py::test_what_is_added_is_what_codex_starts",
    "codexmcp serve --http --fs-root ~/src": f"{_HTTP}test_status_tells_whether_http_is_up",
    "codexmcp serve --http --fs-root ~/project": f"{_HTTP}test_status_tells_whether_http_is_up",
    "codexmcp serve --status --http": f"{_HTTP}test_status_tells_whether_http_is_up",
    "codexmcp serve --http --install --dry-run": (
        "tests/process/test_serve_install.py::test_a_dry_run_prints_the_file_and_changes_nothing"
    ),
    "docker build -t codexmcp:latest .": _IMAGE,
    f"docker run --rm codexmcp:latest --rehearse {_SMOKE}": _IMAGE,
    f'{_DOCKER_RUN} codexmcp:latest "Build a simple landing page"': (
        "tests/container/test_modes.py::test_a_prompt_is_for_main"
    ),
    f'{_DOCKER_HOME} "Build a game"': (
        "tests/container/test_modes.py::test_the_line_that_says_how_to_continue_works"
    ),
    f'{_DOCKER_HOME} --resume THREAD "Add sound"': (
        "tests/container/test_modes.py::test_the_line_that_says_how_to_continue_works"
    ),
    "docker run --rm -e OPENAI_API_KEY codexmcp:latest doctor": (
        "tests/container/test_modes.py::test_the_doctor_examines_the_container"
    ),
    "docker run --rm -e OPENAI_API_KEY -e CODEX_SANDBOX_MODE=workspace-write "
    "--security-opt seccomp=scripts/seccomp.json --cap-drop ALL --security-opt no-new-privileges "
    '--read-only --tmpfs /app/.codex --tmpfs /tmp:exec -v "$(pwd)/output:/app/output" '
    '--user "$(id -u):$(id -g)" codexmcp:latest "Build a simple landing page"': (
        "tests/container/test_sandbox.py::"
        "test_with_our_profile_the_sandbox_works_in_a_hardened_container"
    ),
    "docker compose run --rm rehearse": f"{_COMPOSE}test_a_rehearsal_needs_neither_key_nor_network",
    'docker compose run --rm run "Build a landing page"': (
        f"{_COMPOSE}test_one_prompt_is_one_run_whose_commands_do_not_see_the_key"
    ),
    "docker compose up --detach --wait serve": (
        f"{_COMPOSE}test_the_supervisor_gets_healthy_and_clients_come_to_it"
    ),
    "docker compose exec -T serve /app/scripts/entrypoint.sh mcp-server --shared "
    "--deny-read /run/secrets/openai_api_key": (
        f"{_COMPOSE}test_a_client_can_hide_the_key_from_its_commands"
    ),
    "docker compose up --detach --wait http": (
        f"{_COMPOSE}test_another_container_uses_the_http_server_whose_token_outlives_restarts"
    ),
    "docker compose down": f"{_COMPOSE}test_the_supervisor_gets_healthy_and_clients_come_to_it",
    'docker build -t codexmcp-toolchain --build-arg PACKAGES="nodejs npm" deploy/toolchain': (
        "tests/container/test_toolchain.py::test_what_it_adds_is_there_for_the_commands_of_codex"
    ),
    f"codexmcp mcp-server {_BOX}": (
        "tests/container/test_in_container.py::test_codex_sees_the_workspace_and_nothing_else"
    ),
    f"codexmcp mcp-server --shared {_BOX}": (
        f"{_CONTAINED}test_a_run_works_in_the_workspace_and_sees_nothing_else"
    ),
    f"codexmcp serve {_BOX}": (
        f"{_CONTAINED}test_a_supervisor_in_the_foreground_is_found_and_stopped"
    ),
    f'codexmcp runs start {_BOX} "make the tests pass"': (
        f"{_CONTAINED}test_the_terminal_finds_the_runs_by_the_same_options"
    ),
    "codexmcp runs wait RUN": f"{_CONTAINED}test_the_terminal_finds_the_runs_by_the_same_options",
    "bash scripts/test-skill-in-docker.sh codexmcp:latest": (
        f"{_SCRIPT}test_without_a_key_it_rehearses_and_leaves_nothing"
    ),
    "bash scripts/test-skill-in-docker.sh codexmcp:latest --skills .codex/skills": (
        f"{_SCRIPT}test_a_folder_of_skills_is_checked_and_each_smoke_command_rehearsed"
    ),
}
"""Commands that another test runs, with flags for the test where it needs some."""

NOT_RUN = {
    "uv run pytest": Needs.HOURS,
    "uv run python bench/run.py": Needs.HOURS,
    "uv run python bench/run.py server --rounds 20 --json /tmp/server.json": Needs.HOURS,
    "uv run python bench/run.py --quick": Needs.HOURS,
    "uv run python -m tests.campaign --seeds 1000 --from 1 --out results.jsonl --jobs 2": (
        Needs.HOURS
    ),
    "uv run python -m tests.campaign --out results.jsonl --summary": Needs.HOURS,
    "uv run python -m tests.campaign --only 17 --keep": Needs.HOURS,
    "uv run python scripts/upgrade_codex.py 0.171.0": Needs.HOURS,
    "uv tool install .": Needs.MACHINE,
    "npm install -g @modelcontextprotocol/server-filesystem@2026.8.31": Needs.MACHINE,
    "codexmcp codex login": Needs.ACCOUNT,
    "codexmcp profiles check planner --live": Needs.ACCOUNT,
    "codexmcp serve --http --install": Needs.SYSTEMD,
    "codexmcp serve --uninstall": Needs.SYSTEMD,
    "install -d -m 700 secrets && install -m 644 /dev/stdin secrets/openai_api_key": Needs.ACCOUNT,
    "openssl rand -hex 32 | install -m 644 /dev/stdin secrets/agentos_token": Needs.ACCOUNT,
    "kubectl create secret generic codexmcp --from-file=key=FILE": Needs.MACHINE,
    "kubectl apply -f deploy/kubernetes/network-policy.yaml": Needs.MACHINE,
    "kubectl create -f deploy/kubernetes/job.yaml": Needs.MACHINE,
    "kubectl apply -f deploy/kubernetes/serve.yaml": Needs.MACHINE,
    "kubectl create secret generic codexmcp-token --from-file=token=FILE": Needs.MACHINE,
    "kubectl apply -f deploy/kubernetes/http.yaml": Needs.MACHINE,
    "kubectl exec -i deploy/codexmcp -- /app/scripts/entrypoint.sh mcp-server --shared "
    "--deny-read /run/secrets/openai/key": Needs.MACHINE,
    "kubectl patch --local -f deploy/kubernetes/serve.yaml -o yaml --patch-file "
    "deploy/kubernetes/patches/no-node-files.yaml | kubectl apply -f -": Needs.MACHINE,
    "install -D -m 644 scripts/seccomp.json /var/lib/kubelet/seccomp/codexmcp/seccomp.json": (
        Needs.ROOT
    ),
    "install -m 644 deploy/apparmor/codexmcp /etc/apparmor.d/codexmcp && "
    "apparmor_parser --replace /etc/apparmor.d/codexmcp": Needs.ROOT,
}
"""Commands that no test runs, and the reason."""


def commands(page: Path) -> list[str]:
    """Return the commands of the bash blocks of a page, without comments."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^```bash\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return list(_lines("".join(blocks)))


def _lines(block: str) -> Iterator[str]:
    for line in block.replace("\\\n", " ").splitlines():
        command = " ".join(re.sub(r"(^|\s+)#.*$", "", line).split())
        if command:
            yield command


def run_here() -> dict[str, list[str]]:
    """Return the commands in neither table, by page; each command once."""
    seen = {*RUN_BY, *NOT_RUN}
    found: dict[str, list[str]] = {}
    for page in PAGES:
        new = list(dict.fromkeys(each for each in commands(page) if each not in seen))
        seen.update(new)
        if new:
            found[str(page.relative_to(CHECKOUT))] = new
    return found
