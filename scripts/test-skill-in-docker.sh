#!/usr/bin/env bash
# Proves that a container image loads its skills and runs them. See --help and docs/how-to/skills.md.
set -euo pipefail

CHECKOUT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
readonly CHECKOUT
readonly SKILLS=/app/.codex/skills OUTPUT=/app/output
readonly SMOKE=mcp-skill-smoke RESULT=skill-smoke-result.txt
readonly NO_ENGINE=3 NO_IMAGE=4 NO_KEY=5 BAD_KEY=6 SANDBOX=7 NOT_LOADED=8 SKILL_FAILED=9 FAULTS=10

engine=${CONTAINER_ENGINE:-docker}
image=codexmcp:latest
prompt=${MCP_SKILL_PROMPT:-"\$$SMOKE run the smoke script and report the file contents"}
mode="" skills="" keep="" limit_s=120 key=""
flags=() as_user=()
artifacts="" name="" label="" step=0

usage() {
    cat <<'END'
usage: test-skill-in-docker.sh [IMAGE] [OPTION]... [-- ENGINE-FLAG...]

Runs the skill mcp-skill-smoke in a container and checks the file that it leaves. Without a key it
rehearses: no model, no network. With OPENAI_API_KEY, from the environment or from .env, it runs
for real, which costs a few tokens.

  IMAGE           default: codexmcp:latest
  --rehearse      rehearse although there is a key
  --real          run for real; fail when there is no key
  --skills DIR    check the skills of a folder instead, mounted read-only, and rehearse each that
                  declares a smoke command (docs/how-to/skills.md)
  --timeout S     bound on each container in seconds; default: 120
  --keep          keep the files of a test that passed, too
  -- FLAG...      more flags for `docker run`, such as --security-opt seccomp=scripts/seccomp.json

environment: CONTAINER_ENGINE (docker or podman), OPENAI_API_KEY, OPENAI_BASE_URL,
CODEX_SANDBOX_MODE, MCP_SKILL_PROMPT (another prompt for the smoke skill)

exit codes: 0 passed, 1 failed otherwise, 2 usage, 3 no container engine that works, 4 no such image,
5 no key, 6 the key is refused, 7 Codex's sandbox is blocked, 8 the skill is not loaded,
9 the skill failed, 10 `skills check` found faults, 124 timeout
END
}

say() { printf '%s\n' "$*"; }

# Ends the test as failed; what the containers said is kept.
fail() {
    local code=$1
    shift
    keep=yes
    printf 'FAIL: %s\n' "$*" >&2
    exit "$code"
}

wrong_usage() {
    printf 'test-skill-in-docker.sh: %s; --help says more\n' "$*" >&2
    exit 2
}

read_arguments() {
    local named=""
    while (($#)); do
        case $1 in
            --help | -h) usage && exit 0 ;;
            --rehearse | --real) mode=${1#--} ;;
            --keep) keep=yes ;;
            --skills | --timeout)
                [[ -n ${2-} ]] || wrong_usage "$1 needs a value"
                if [[ $1 == --skills ]]; then skills=$2; else limit_s=$2; fi
                shift
                ;;
            --) flags+=("${@:2}") && break ;;
            -*) wrong_usage "there is no option $1" ;;
            *)
                [[ -z $named ]] || wrong_usage "there is one image too many: $1"
                image=$1 named=yes
                ;;
        esac
        shift
    done
    [[ $limit_s =~ ^[1-9][0-9]{0,5}$ ]] || wrong_usage "--timeout takes seconds, not $limit_s"
    [[ -z $skills || $mode != real ]] || wrong_usage "--skills rehearses; leave --real out"
    if [[ -n $skills ]]; then
        [[ -d $skills ]] || wrong_usage "there is no folder $skills"
        skills=$(cd -- "$skills" && pwd -P)
    fi
}

# ---- the key

# The value of a line NAME=value of .env; quotes and carriage returns are taken off.
key_from_file() {
    local line value=""
    [[ -r $CHECKOUT/.env ]] || return 0
    while IFS= read -r line || [[ -n $line ]]; do
        [[ $line =~ ^[[:space:]]*(export[[:space:]]+)?OPENAI_API_KEY[[:space:]]*=(.*)$ ]] || continue
        value=${BASH_REMATCH[2]}
    done <"$CHECKOUT/.env"
    cleaned "$value"
}

cleaned() {
    local text
    text=$(trimmed "$1")
    case $text in
        \"*\" | \'*\') text=${text:1:${#text}-2} ;;
    esac
    trimmed "$text"
}

trimmed() {
    local text=$1
    text=${text#"${text%%[![:space:]]*}"}
    printf %s "${text%"${text##*[![:space:]]}"}"
}

choose_mode() {
    if [[ $mode != rehearse && -z $skills ]]; then
        key=$(cleaned "${OPENAI_API_KEY:-}")
        [[ -n $key ]] || key=$(key_from_file)
    fi
    # It is passed on by name and to real runs only.
    unset OPENAI_API_KEY
    [[ $mode != real || -n $key ]] || fail "$NO_KEY" "there is no key: set OPENAI_API_KEY, or put it \
into $CHECKOUT/.env, or leave --real out to rehearse"
    [[ -n $mode ]] || mode=$([[ -n $key ]] && echo real || echo rehearse)
}

# ---- the engine

check_engine() {
    command -v "$engine" >/dev/null || fail "$NO_ENGINE" "there is no $engine; install it, or name \
another engine: CONTAINER_ENGINE=podman"
    timeout 60 "$engine" info >/dev/null 2>"$artifacts/engine.txt" || fail "$NO_ENGINE" "$engine does \
not answer: $(tail -n 1 "$artifacts/engine.txt"); start it, or let this user use it"
    timeout 60 "$engine" image inspect "$image" >/dev/null 2>&1 || fail "$NO_IMAGE" "there is no image \
$image; build it: $engine build -t $image $CHECKOUT"
}

# Files that a container writes shall belong to whoever tests. Root leaves the image its own user.
choose_user() {
    chmod 0777 "$artifacts/output"
    ((EUID != 0)) || return 0
    as_user=(--user "$(id -u):$(id -g)")
    [[ $("$engine" --version) != podman* ]] || as_user+=(--userns keep-id)
}

# Runs the image within the bound: what it says is in $artifacts/N.out and N.err.
run_image() {
    local code=0
    step=$((step + 1)) name=codexmcp-skill-test-$$-$step
    # A variable without a value would take away the image's own.
    [[ -z ${CODEX_SANDBOX_MODE:-} ]] || set -- --env CODEX_SANDBOX_MODE "$@"
    timeout --kill-after 10 "$limit_s" "$engine" run --rm --name "$name" "${as_user[@]}" \
        "${flags[@]}" "$@" \
        >"$artifacts/$step.out" 2>"$artifacts/$step.err" </dev/null || code=$?
    if ((code == 124 || code == 137)); then
        remove_container
        ((code == 137)) || fail 124 "it was not done after $limit_s s; --timeout gives it longer"
    fi
    name=""
    # Podman as root asks for a million files and processes by itself.
    if ((code == 126)) && said "rlimit.*(not permitted|denied)"; then
        fail "$NO_ENGINE" "$engine asks for higher limits than this machine grants: add -- --ulimit \
nofile=4096:4096 --ulimit nproc=4096:4096, or write \`default_ulimits = []\` under [containers] in containers.conf ($(last_line))"
    fi
    return "$code"
}

remove_container() {
    [[ -z $name ]] || timeout 30 "$engine" rm --force "$name" >/dev/null 2>&1 || true
}

# ---- what went wrong

said() { grep -Eiqs -- "$1" "$artifacts/$step.err" "$artifacts/$step.out"; }

# The line that tells the error, else the last one.
last_line() {
    grep -E '^(error|codexmcp):' "$artifacts/$step.err" | tail -n 1 | grep . \
        || grep -v '^[[:space:]]*$' "$artifacts/$step.err" | tail -n 1 || true
}

# What Codex said of the command it ran, else the error.
command_said() { sed -n '/^Command:/,$p' "$artifacts/$step.out" | head -n 12 | grep . || last_line; }

# Ends the test with the cause of a run that failed before the skill could.
tell_surroundings() {
    if said "codex's sandbox .*is blocked|bwrap: |no permissions to create a? ?new namespace"; then
        fail "$SANDBOX" "Codex's sandbox is blocked in this container: add -- --security-opt \
seccomp=$CHECKOUT/scripts/seccomp.json, or set CODEX_SANDBOX_MODE=danger-full-access"
    elif said "401|invalid[_ ]api[_ ]key|incorrect api key|codex login failed"; then
        fail "$BAD_KEY" "the key is refused: $(last_line)"
    elif said "there is no key for the model|missing bearer|no api key"; then
        fail "$NO_KEY" "the container has no key: $(last_line)"
    fi
}

# ---- the tests

has_line() { grep -Exq -- "$1" "$artifacts/output/$RESULT"; }

test_smoke_skill() {
    local code=0 arguments=("$prompt") options=(--volume "$artifacts/output:$OUTPUT$label")
    if [[ $mode == rehearse ]]; then
        arguments=(--rehearse "$prompt")
        options+=(--network none)
    else
        options+=(--env OPENAI_API_KEY --env OPENAI_BASE_URL)
        export OPENAI_API_KEY=$key
    fi
    say "$image: $mode of \$$SMOKE"
    run_image "${options[@]}" "$image" "${arguments[@]}" || code=$?
    unset OPENAI_API_KEY
    if [[ ! -f $artifacts/output/$RESULT ]]; then
        tell_surroundings
        if said "$SMOKE/scripts/"; then
            fail "$SKILL_FAILED" "the skill ran and left no $RESULT: $(command_said)"
        elif ((code == 0)) || said "it runs only the command of a skill"; then
            fail "$NOT_LOADED" "the skill $SMOKE is not loaded; it must lie in $SKILLS of the image"
        fi
        fail 1 "the container ended with $code: $(last_line)"
    fi
    has_line "skill=$SMOKE" || fail "$SKILL_FAILED" "$RESULT has no line skill=$SMOKE"
    has_line "nonce=[0-9a-f]{32}" || fail "$SKILL_FAILED" "$RESULT has no line nonce= with 32 digits"
    has_line "script_path=$SKILLS/$SMOKE/scripts/.+" || fail "$NOT_LOADED" "the script that ran is not \
the one in $SKILLS: $(grep '^script_path=' "$artifacts/output/$RESULT")"
    ((code == 0)) || fail 1 "the skill ran, and the container ended with $code: $(last_line)"
    say "PASS: the skill ran from $SKILLS/$SMOKE"
}

test_skills_folder() {
    local code=0 names each mount=(--network none --volume "$skills:$SKILLS:ro${label:+,z}")
    say "$image: skills of $skills"
    run_image "${mount[@]}" "$image" skills check "$SKILLS" || code=$?
    cat "$artifacts/$step.out"
    if ((code != 0)); then
        [[ -s $artifacts/$step.out ]] || said "there are no skills" \
            || fail 1 "the container ended with $code: $(last_line)"
        fail "$FAULTS" "skills check: $(last_line)"
    fi
    run_image "${mount[@]}" "$image" skills list --smoke "$SKILLS" \
        || fail 1 "skills list failed: $(last_line)"
    names=$(<"$artifacts/$step.out")
    for each in $names; do
        rehearse_skill "$each"
    done
    say "PASS: the skills have no faults, and $(wc -w <<<"$names") of them passed a smoke test"
}

rehearse_skill() {
    local code=0
    run_image "${mount[@]}" --volume "$artifacts/output:$OUTPUT$label" "$image" \
        --rehearse "\$$1 run the smoke command and report what it prints" || code=$?
    if said "it runs only the command of a skill"; then
        fail "$NOT_LOADED" "the skill $1 is not loaded: a prompt that names it does not get it"
    elif said "^(the command failed with exit code|the command could not be run)"; then
        fail "$SKILL_FAILED" "the smoke command of $1 failed: $(command_said)"
    elif ((code != 0)) || ! said "^exit code: 0"; then
        tell_surroundings
        fail 1 "the container ended with $code: $(last_line)"
    fi
    say "ok: $1"
}

# ---- all of it

clean_up() {
    local code=$?
    remove_container
    if [[ -n $keep && $step -gt 0 ]]; then
        printf 'files are in %s\n' "$artifacts" >&2
    elif ! rm -rf -- "$artifacts" 2>/dev/null; then
        printf 'cannot remove %s\n' "$artifacts" >&2
    fi
    exit "$code"
}

main() {
    read_arguments "$@"
    artifacts=$(mktemp -d "${TMPDIR:-/tmp}/skill-test.XXXXXX")
    mkdir "$artifacts/output"
    trap clean_up EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    choose_mode
    check_engine
    choose_user
    # Where SELinux is on, a container sees only what is labelled for it.
    label=$(! command -v selinuxenabled >/dev/null || ! selinuxenabled || echo :z)
    if [[ -n $skills ]]; then test_skills_folder; else test_smoke_skill; fi
}

main "$@"
