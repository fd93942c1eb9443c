# Small things that the other files of the rig use. Sourced by up.sh.
# shellcheck shell=bash disable=SC2154  # $state and $rig are up.sh's

tell() { printf 'rig: %s\n' "$*" >&2; }
fail() { tell "$*"; exit 1; }

# step TITLE COMMAND…: run it with its output in a log, and show the log's end only if it fails.
step() {
    local title=$1 log
    shift
    log=$state/$(printf '%s' "$title" | tr -c 'a-z0-9\n' -).log
    tell "$title"
    "$@" >"$log" 2>&1 {lock}>&- </dev/null || {
        tail -n 25 "$log" >&2
        fail "failed: $title (the whole log is $log)"
    }
}

# ready NAME…: whether nothing needs to be done for these parts.
ready() {
    local name
    { docker info && docker compose version && docker buildx version; } >/dev/null 2>&1 || return 1
    for name; do
        [ "$name" = engine ] || { has_image "$(image_of "$name")" && is_current "$(image_of "$name")"; } || return 1
    done
}

# Whether a database's image is the official one, or a stand-in with the entry point that is here now.
is_current() {
    local made
    case $1 in mysql:* | mariadb:*) ;; *) return 0 ;; esac
    made=$(docker image inspect --format '{{index .Config.Labels "deckinfra.stand-in"}}' "$1")
    [ -z "$made" ] || [ "$made" = "$(entrypoint_version)" ]
}

entrypoint_version() { sha256sum "$rig/serve.sh" | cut -c 1-12; }

has_image() { docker image inspect "$1" >/dev/null 2>&1; }

image_of() {
    case $1 in
        python) echo python:3.13-slim ;;
        node) echo node:24-slim ;;
        mysql) echo mysql:9.7 ;;
        mariadb) echo mariadb:11.8 ;;
    esac
}

# The mirror that this machine's own package manager uses for Debian.
debian_mirror() {
    local found
    found=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | head -n 1)
    [ -n "$found" ] || fail "apt has no lists of a Debian mirror: run apt-get update"
    printf '%s' "${found%/}"
}
