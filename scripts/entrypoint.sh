#!/usr/bin/env bash
# What a container does first: settles who it runs as, its Codex home, the key and the sandbox, says
# what is wrong before a token is spent, and becomes the program. See docs/how-to/containers.md.
set -euo pipefail

readonly OUTPUT=/app/output
readonly TEMPLATE=/usr/local/share/codexmcp/home
readonly NO_SETUID=/usr/local/share/codexmcp/no-setuid.bpf
readonly SETPRIV_ROOT=/usr/local/libexec/codexmcp/setpriv
readonly IMAGE_USER=10001
readonly MODES=(newway mcp-server serve runs doctor skills)
readonly SANDBOX_MODES=" read-only workspace-write danger-full-access "
readonly MIN_TOKEN=16
readonly SHELL_WORDS=" bash sh python codex codexmcp codex-runs env ls id cat "
AS_CALLER="--user \"\$(id -u):\$(id -g)\""
readonly HOME_MB=8 KEY_BYTES=16384
readonly EX_USAGE=2 EX_CONFIG=78
# A rootless engine has numbers of its own for users: there the image's user is the one that fits.
read -r _ user_outside _ </proc/self/uid_map
((user_outside == 0)) || AS_CALLER="without --user, or with podman --userns keep-id $AS_CALLER"
readonly AS_CALLER
codex=${CODEX_BIN:-codex}
key=""

# Files can then be changed by the group as well, which is the caller's own on a rootless engine.
umask 0002

say() { printf 'codexmcp: %s\n' "$*" >&2; }

fail() {
    say "$1"
    exit "${2:-$EX_CONFIG}"
}

# Ends with what a kill means here, given the exit code of a program that is part of the checks.
fail_if_killed() {
    (($1 != 128 + 9)) || fail "a program was killed: the container is out of memory; give it 512 MB or \
more (--memory, mem_limit, limits.memory)" 137
}

# ---- what is to run

# Names the kind of the command line: `program` (main.py), `newway`, `command` (of codexmcp), `shell`.
kind_of() {
    local word=${1-}
    case $word in
        newway) echo newway ;;
        healthcheck) echo healthcheck ;;
        mcp-server | serve | runs | doctor | skills) echo "command" ;;
        /*) if [[ -x $word && ! -d $word ]]; then echo shell; else echo program; fi ;;
        *) if [[ -n $word && $SHELL_WORDS == *" $word "* ]]; then echo shell; else echo program; fi ;;
    esac
}

# A single word may be a prompt, but not one that is nearly a mode.
refuse_mistyped_mode() {
    local near
    [[ ${1-} =~ ^[a-z][a-z_-]+$ && ($# -eq 1 || $2 == -*) ]] || return 0
    near=$(python -c 'import difflib, sys
print(*difflib.get_close_matches(sys.argv[1], sys.argv[2:], cutoff=0.75), sep=", ")' "$1" "${MODES[@]}")
    [[ -z $near ]] || fail "there is no mode \`$1\`; did you mean: $near? If it is the prompt, say it in \
more than one word" "$EX_USAGE"
}

has_option() {
    local wanted=$1 word
    shift
    for word; do
        [[ $word != -- ]] || return 1
        [[ $word != "$wanted" && $word != "$wanted="* ]] || return 0
    done
    return 1
}

# The last value of an option, or nothing.
value_of() {
    local wanted=$1 value=""
    shift
    while (($#)) && [[ $1 != -- ]]; do
        case $1 in
            "$wanted") value=${2-} ;;
            "$wanted"=*) value=${1#*=} ;;
        esac
        shift
    done
    printf %s "$value"
}

# A value from an env file often brings quotes along. A mode that does not exist would be taken for a
# sandbox that is blocked.
read_mode() {
    local mode
    mode=$(cleaned "${CODEX_SANDBOX_MODE:-}")
    [[ -z $mode || $SANDBOX_MODES == *" $mode "* ]] || fail "CODEX_SANDBOX_MODE is \`$mode\`; it must \
be one of${SANDBOX_MODES% }"
    [[ -z $mode ]] || export CODEX_SANDBOX_MODE=$mode
}

# ---- who runs it

# Makes a folder writable that is not, where that takes no more than what its owner may do: works as
# the owner from here on, or lets root's group (ours) in when the owner is root. A user who was
# chosen by --user stays.
become_owner() {
    local folder=$1 uid gid
    shift
    [[ -d $folder && ! -w $folder && $UID -eq $IMAGE_USER && -x $SETPRIV_ROOT ]] || return 0
    read -r uid gid < <(stat --format '%u %g' "$folder")
    if ((uid != 0)); then
        # Impossible without capabilities or with no-new-privileges; then all stays as it is.
        "$SETPRIV_ROOT" --reuid "$uid" --regid "$gid" --clear-groups true 2>/dev/null || return 0
        exec "$SETPRIV_ROOT" --reuid "$uid" --regid "$gid" --clear-groups "$0" "$@"
    elif ((gid == 0)); then
        "$SETPRIV_ROOT" --reuid 0 chmod g+w "$folder" 2>/dev/null || return 0
    fi
}

check_output() {
    [[ -w $OUTPUT ]] || fail "cannot write to $OUTPUT: it belongs to $(stat --format '%u:%g' "$OUTPUT"), \
and this runs as $UID:$(id -g); run it as the folder's owner ($AS_CALLER), or mount it without :ro"
}

# The image's folder of programs cannot be written to, so what is given no other folder works in the
# output. A folder that was chosen by --workdir stays.
work_in_output() {
    [[ $PWD != /app ]] || cd "$OUTPUT" 2>/dev/null || true
}

# ---- the Codex home

# A volume may be open to all, and hold what another user has left there, which Codex cannot use.
check_state() {
    local path
    for path in "$CODEX_HOME"/{auth.json,*.sqlite,sessions,log,mcp-wrapper}; do
        [[ -e $path && ! (-r $path && -w $path) ]] || continue
        fail "CODEX_HOME $CODEX_HOME is in use by another user: ${path##*/} belongs to \
$(stat --format '%u:%g' "$path"), and this runs as $UID:$(id -g); run it as that user \
(--user $(stat --format '%u:%g' "$path")), or mount another folder or volume"
    done
}

# A home of the user's own is left as it is.
prepare_home() {
    mkdir -p "$CODEX_HOME" 2>/dev/null || true
    [[ -w $CODEX_HOME ]] || fail "cannot write to CODEX_HOME $CODEX_HOME, where Codex keeps its state; \
with --read-only add --tmpfs $CODEX_HOME, and with a mounted home $AS_CALLER"
    check_state
    # Codex says of a full disk only that its state could not be initialised.
    local free_mb
    free_mb=$(($(stat --file-system --format '%a * %S' "$CODEX_HOME") / 1048576))
    ((free_mb >= HOME_MB)) || fail "CODEX_HOME $CODEX_HOME has $free_mb MB left, and Codex needs \
$HOME_MB to start; free some, or give the tmpfs or volume a larger size"
    if [[ -e $CODEX_HOME/auth.json ]] && mountpoint --quiet "$CODEX_HOME"; then return; fi
    [[ -e $CODEX_HOME/config.toml ]] || cp "$TEMPLATE/config.toml" "$CODEX_HOME/"
    [[ -e $CODEX_HOME/skills ]] || cp -R "$TEMPLATE/skills" "$CODEX_HOME/"
}

# ---- the key

# Takes the key out of the environment, so that nothing that is started here inherits it.
take_key() {
    key=$(cleaned "${OPENAI_API_KEY:-${CODEX_API_KEY:-}}")
    unset OPENAI_API_KEY CODEX_API_KEY
    if [[ -n $key ]]; then
        unset OPENAI_API_KEY_FILE
        is_key "$key" || fail "OPENAI_API_KEY holds characters that no key has (a line end within, a \
space or a non-ASCII letter); set it again"
    elif [[ -n ${OPENAI_API_KEY_FILE:-} ]]; then
        [[ -r $OPENAI_API_KEY_FILE && ! -d $OPENAI_API_KEY_FILE ]] || fail "cannot read the key from \
OPENAI_API_KEY_FILE $OPENAI_API_KEY_FILE as $UID:$(id -g); mount it there, readable for that user"
        # A device would never end, and a pipe may never begin: a stop ends `read`, but waits for $().
        IFS= read -r -d "" key < <(head -c "$KEY_BYTES" -- "$OPENAI_API_KEY_FILE" | tr -d '\0') || true
        key=$(cleaned "$key")
        is_key "$key" || fail "OPENAI_API_KEY_FILE $OPENAI_API_KEY_FILE holds no key; it must hold the \
key and nothing else"
    fi
}

# A key that was copied often brings a line end or quotes along.
cleaned() {
    local text
    text=$(trimmed "$1")
    text=${text#[\"\']}
    trimmed "${text%[\"\']}"
}

trimmed() {
    local text=$1
    text=${text#"${text%%[![:space:]]*}"}
    printf %s "${text%"${text##*[![:space:]]}"}"
}

is_key() {
    local LC_ALL=C
    [[ $1 =~ ^[!-~]+$ ]]
}

has_tokens() {
    grep -Eqs '"tokens"[[:space:]]*:[[:space:]]*\{' "$CODEX_HOME/auth.json"
}

# Codex's own login, as users of its CLI know it. One by ChatGPT is never overwritten.
log_in() {
    local said
    case ${CODEXMCP_AUTH:-login} in
        login) ;;
        proxy) return ;;
        *) fail "CODEXMCP_AUTH is \`$CODEXMCP_AUTH\`; it must be login or proxy" ;;
    esac
    if [[ -z $key ]] || has_tokens; then return; fi
    # printf is part of the shell: the key is on no command line.
    said=$(printf %s "$key" | "$codex" login --with-api-key 2>&1) && return
    # Of a pipe the last command counts.
    fail_if_killed $?
    fail "codex login failed: ${said//"$key"/(the key)}"
}

check_access() {
    [[ -z $key && ! -s $CODEX_HOME/auth.json && ! -s /app/.env ]] || return 0
    ! grep -Eqs '^[[:space:]]*model_provider[[:space:]]*=' "$CODEX_HOME/config.toml" || return 0
    fail "there is no key for the model: pass -e OPENAI_API_KEY, or mount a file with it and name it \
(-e OPENAI_API_KEY_FILE=/run/secrets/openai), or mount a Codex home with a login (-v \
\"\$HOME/.codex:$CODEX_HOME\" $AS_CALLER), or try --rehearse, which needs no key"
}

# Hands the key to the program through a pipe: bash puts a text this short into one, and what was
# read from it is gone. A key file stays one, so that the program can hide it from commands.
hand_on_key() {
    local fd
    [[ -n $key && -z ${OPENAI_API_KEY_FILE:-} ]] || return 0
    exec {fd}<<<"$key"
    export OPENAI_API_KEY_FILE=/dev/fd/$fd
}

# ---- the token of the HTTP server

# A secret is a file of root, as a rule, and the server uses only one of its own that nobody else can
# read.
place_token() {
    local file=${AGENTOS_TOKEN_FILE:-} token folder=$HOME/.agentos
    unset AGENTOS_TOKEN_FILE
    [[ -n $file ]] || return 0
    [[ -r $file && ! -d $file ]] || fail "cannot read the token from AGENTOS_TOKEN_FILE $file as \
$UID:$(id -g); mount it there, readable for that user"
    IFS= read -r -d "" token < <(head -c "$KEY_BYTES" -- "$file" | tr -d '\0') || true
    token=$(cleaned "$token")
    is_key "$token" && ((${#token} >= MIN_TOKEN)) || fail "AGENTOS_TOKEN_FILE $file holds no token; it \
must hold one line of at least $MIN_TOKEN characters (openssl rand -hex 32) and nothing else"
    (umask 077 && mkdir -p "$folder" && printf '%s\n' "$token" >"$folder/token.new" \
        && mv -f "$folder/token.new" "$folder/token") 2>/dev/null || fail "cannot write the token to \
$folder; with --read-only add --tmpfs $HOME"
}

# ---- the sandbox

# Codex itself says nothing when its sandbox cannot work: it ends with 0, and no command has run.
check_sandbox() {
    local mode=$1 kind=$2 said
    [[ $mode != danger-full-access || $kind == command ]] || return 0
    said=$("$codex" sandbox -- true </dev/null 2>&1) && return
    fail_if_killed $?
    [[ $said == *bwrap* ]] || fail "codex sandbox does not work: ${said%%$'\n'*}"
    if [[ $mode == danger-full-access ]]; then
        say "Codex's own sandbox is blocked here: calls that ask for read-only or workspace-write will \
fail (docs/how-to/containers.md)"
        return
    fi
    fail "Codex's sandbox ($mode) is blocked in this container, so none of its commands could run: \
${said%%, likely*}
Either allow it: --security-opt seccomp=scripts/seccomp.json (where AppArmor is in use, also
--security-opt apparmor=unconfined). Or let the container be the sandbox: -e
CODEX_SANDBOX_MODE=danger-full-access with --cap-drop ALL --security-opt no-new-privileges --read-only
--tmpfs $CODEX_HOME --tmpfs /tmp:exec."
}

# ---- all of it

start() {
    local init=()
    # With an init of the engine's (--init), that is process 1.
    (($$ != 1)) || init=(tini --)
    # A setuid file that a command leaves in a mounted folder would have its owner's rights outside.
    exec setpriv --no-new-privs --seccomp-filter "$NO_SETUID" "${init[@]}" "$@"
}

start_agent() {
    local program=$1 mode
    shift
    mode=$(value_of --sandbox "$@")
    mode=${mode:-${CODEX_SANDBOX_MODE:-workspace-write}}
    # The program itself tells what is wrong with its options.
    [[ $SANDBOX_MODES == *" $mode "* ]] || start python "/app/$program" "$@"
    [[ $mode == read-only ]] || has_option --cwd "$@" || check_output
    check_sandbox "$mode" agent
    if has_option --rehearse "$@"; then
        unset OPENAI_API_KEY_FILE
    else
        check_access
        log_in
        hand_on_key
    fi
    tell_how_it_is_called "$program"
    start python "/app/$program" "$@"
}

# For the line that says how to continue: threads are in the home, which may end with the container.
tell_how_it_is_called() {
    local mode=""
    [[ $1 == main.py ]] || mode=" ${1%.py}"
    CODEXMCP_CALLED_AS="docker run OPTIONS IMAGE$mode"
    mountpoint --quiet "$CODEX_HOME" && [[ $(stat --file-system --format %T "$CODEX_HOME") != tmpfs ]] \
        || CODEXMCP_CALLED_AS=""
    export CODEXMCP_CALLED_AS
}

start_command() {
    local words=("$1") default=${CODEX_SANDBOX_MODE:-workspace-write} mode sandbox
    shift
    work_in_output
    log_in
    hand_on_key
    place_token
    export CODEX_MCP_WRAPPER_DEFAULT_PERMISSIONS=${CODEX_MCP_WRAPPER_DEFAULT_PERMISSIONS:-$default}
    # For calls that name no sandbox. A supervisor is found by its settings, so whoever may start one,
    # or asks for its status, must name them as well.
    sandbox=(-c "sandbox_mode=\"$default\"")
    case ${words[0]} in
        mcp-server | serve)
            mode=$(value_of --sandbox "$@")
            # An option fixes it, and then holds by itself.
            [[ -z $mode || $* == *--shared* ]] || sandbox=()
            [[ ${words[0]} == serve && $* == *--st[ao]* ]] || check_sandbox "${mode:-$default}" command
            ;;
        runs)
            if [[ ${1-} =~ ^(start|resume|attach)$ ]]; then
                words+=("$1")
                shift
            else
                sandbox=()
            fi
            ;;
        *) sandbox=() ;;
    esac
    start codexmcp "${words[@]}" "${sandbox[@]}" "$@"
}

# For the image's HEALTHCHECK, which is asked of every container: a supervisor has to answer, together
# with its Codex and its HTTP server; all else has no other health than to run.
check_health() {
    local words
    mapfile -d "" -t words </proc/1/cmdline
    [[ " ${words[*]} " =~ (codexmcp|entrypoint\.sh)" serve " ]] || exit 0
    words=(serve --status)
    ! tr '\0' '\n' </proc/1/cmdline | grep -Fxq -- --http || words+=(--http)
    exec codexmcp "${words[@]}"
}

main() {
    local kind
    # As process 1 bash would ignore them; what is exec'd gets them anew.
    trap 'exit 143' TERM
    trap 'exit 130' INT
    trap 'exit 129' HUP
    kind=$(kind_of "$@")
    read_mode
    become_owner "$CODEX_HOME" "$@"
    become_owner "$OUTPUT" "$@"
    # As whoever the container's first process became.
    [[ $kind != healthcheck ]] || check_health
    if [[ $kind == program ]]; then refuse_mistyped_mode "$@"; fi
    if [[ $kind == program || $kind == newway ]] && { has_option --help "$@" || has_option -h "$@"; }; then
        [[ $kind == program ]] || shift
        start python "/app/$([[ $kind == program ]] && echo main.py || echo newway.py)" "$@"
    fi
    prepare_home
    take_key
    case $kind in
        program) start_agent main.py "$@" ;;
        newway) start_agent newway.py "${@:2}" ;;
        command) start_command "$@" ;;
        shell)
            log_in
            start "$@"
            ;;
    esac
}

main "$@"
