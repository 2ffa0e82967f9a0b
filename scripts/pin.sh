#!/usr/bin/env bash
# Writes the digests of today's images into the Dockerfile, and those of today's actions into the
# workflows. Run it to pin them, and again to renew them. Needs docker with buildx, git and the network.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

# `ARG BASE_IMAGE=debian:13-slim` becomes `ARG BASE_IMAGE=debian:13-slim@sha256:...`.
pin_image() {
    local name=$1 image digest
    image=$(sed -n "s/^ARG $name=\([^@]*\).*/\1/p" Dockerfile)
    digest=$(docker buildx imagetools inspect --format '{{.Manifest.Digest}}' "$image")
    [[ $digest =~ ^sha256:[0-9a-f]{64}$ ]] || {
        printf 'pin.sh: no digest for %s: %s\n' "$image" "$digest" >&2
        exit 1
    }
    sed -i "s|^ARG $name=.*|ARG $name=$image@$digest|" Dockerfile
    printf '%s@%s\n' "$image" "$digest"
}

# `uses: actions/checkout@v7.0.0` becomes `uses: actions/checkout@HASH # v7.0.0`.
pin_action() {
    local action=$1 tag=$2 hash
    # The commit, also of a tag that is an object of its own.
    hash=$(git ls-remote "https://github.com/$action" "refs/tags/$tag" "refs/tags/$tag^{}" \
        | tail -n 1 | cut -f 1)
    [[ $hash =~ ^[0-9a-f]{40}$ ]] || {
        printf 'pin.sh: %s has no tag %s\n' "$action" "$tag" >&2
        exit 1
    }
    sed -i -E "s|(uses: $action@).*|\1$hash # $tag|" .github/workflows/*.yml
    printf '%s@%s # %s\n' "$action" "$hash" "$tag"
}

pin_image BASE_IMAGE
pin_image UV_IMAGE
sed -nE 's/.*uses: ([^@]+)@([0-9a-f]{40} # )?(v[0-9.]+)$/\1 \3/p' .github/workflows/*.yml | sort -u \
    | while read -r action tag; do pin_action "$action" "$tag"; done
