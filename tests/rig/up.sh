#!/usr/bin/env bash
# Makes this machine fit for the tests that need Docker: an engine with Compose v2 and Buildx, and the
# images python:3.13-slim, mysql:9.7 and mariadb:11.8.
#
#   tests/rig/up.sh             the engine and these images
#   tests/rig/up.sh engine      only the engine
#   tests/rig/up.sh mariadb     the engine and one image (or: mysql, python)
#   tests/rig/up.sh node        the engine and node:24-slim, which is made only when it is asked for
#
# What is there is used as it is, so a second run does nothing and a developer's own Docker is left
# alone. What is missing needs root on Debian 12 or later and its package mirror; no container
# registry is asked, because the machines that this is for reach none. Where there is a registry and
# no such machine, `docker pull` the images instead.
set -euo pipefail

rig=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
state=${DECKINFRA_RIG:-/var/cache/deckinfra-rig} # logs, and root file systems while they are built

# shellcheck source=tests/rig/lib.sh
source "$rig/lib.sh"
# shellcheck source=tests/rig/engine.sh
source "$rig/engine.sh"
# shellcheck source=tests/rig/images.sh
source "$rig/images.sh"
# shellcheck source=tests/rig/databases.sh
source "$rig/databases.sh"

wanted=("$@")
[ $# -gt 0 ] || wanted=(python mysql mariadb)
for name in "${wanted[@]}"; do
    case $name in
        engine | python | node | mysql | mariadb) ;;
        -h | --help) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0"; exit 0 ;;
        *) fail "there is no part '$name'; there are engine, python, node, mysql and mariadb" ;;
    esac
done

ready "${wanted[@]}" && { tell "everything is there"; exit 0; }
[ "$(id -u)" -eq 0 ] || fail "something is missing, and only root can install it: run this as root, or start Docker and pull the images"
command -v apt-get >/dev/null || fail "something is missing, and this is no Debian: start Docker and pull the images"

mkdir -p "$state"
exec {lock}>"$state/lock"
flock "$lock" # two runs at once would build the same image twice
engine_up
for name in "${wanted[@]}"; do
    [ "$name" = engine ] || image_up "$name"
done
tell "everything is there"
