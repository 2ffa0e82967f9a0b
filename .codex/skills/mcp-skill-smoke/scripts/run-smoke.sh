#!/usr/bin/env bash
# Leaves a proof that this skill ran: who, when, where, and a value that nobody could guess.
set -eu

result=skill-smoke-result.txt

fail() {
    printf 'mcp-skill-smoke: %s\n' "$1" >&2
    exit 1
}

cwd=$(pwd -P)
script_path=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)/run-smoke.sh
timestamp_utc=$(date -u +%Y-%m-%dT%H:%M:%SZ)
nonce=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
[ "${#nonce}" -eq 32 ] || fail "cannot read 16 bytes from /dev/urandom"
[ ! -d "$result" ] || fail "cannot write $cwd/$result: it is a folder"

# Written beside its target and renamed: a reader sees all of it or nothing. The name carries the
# nonce, not the pid: in Codex's sandbox two runs at once may have the same pid. No here-document:
# bash keeps those in the temporary folder, which may be read-only.
partial=.$result.$nonce
trap 'rm -f -- "$partial"' EXIT
printf '%s\n' \
    "skill=mcp-skill-smoke" \
    "timestamp_utc=$timestamp_utc" \
    "nonce=$nonce" \
    "pid=$$" \
    "script_path=$script_path" \
    "cwd=$cwd" 2>/dev/null >"$partial" ||
    fail "cannot write $cwd/$result: the working directory is not writable or the disk is full"
mv -f -- "$partial" "$result"

cat -- "$result"
