# Installs and starts the Docker engine. Sourced by up.sh.
# shellcheck shell=bash disable=SC2154

engine_up() {
    if ! { command -v dockerd && docker compose version && docker buildx version; } >/dev/null 2>&1; then
        export DEBIAN_FRONTEND=noninteractive
        step "refresh the package lists" apt-get update
        compose_is_v2 || add_trixie
        # Without upgrades: that of an engine would restart it under whoever is using it.
        step "install docker compose and buildx" apt-get install -y --no-install-recommends --no-upgrade \
            -t "$(engine_suite)" docker.io docker-cli docker-compose docker-buildx iptables
    fi
    docker info >/dev/null 2>&1 || start_daemon
    docker compose version >/dev/null 2>&1 || fail "docker has no compose plugin"
    docker buildx version >/dev/null 2>&1 || fail "docker has no buildx plugin"
}

# Debian 12 has only the old Compose 1. From 13 on, docker-compose is version 2.
compose_is_v2() { apt-cache policy docker-compose | grep -q 'Candidate: [2-9]'; }

engine_suite() {
    if [ -e /etc/apt/sources.list.d/deckinfra-rig.sources ]; then echo trixie; else (. /etc/os-release && echo "$VERSION_CODENAME"); fi
}

# Offer Debian 13's packages, at a priority at which apt takes one only when it is asked to.
add_trixie() {
    local mirror
    mirror=$(debian_mirror)
    cat >/etc/apt/preferences.d/deckinfra-rig <<END
Package: *
Pin: release n=trixie
Pin-Priority: 50
END
    cat >/etc/apt/sources.list.d/deckinfra-rig.sources <<END
Types: deb
URIs: $mirror
Suites: trixie
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
END
    step "refresh the package lists with trixie" apt-get update
}

start_daemon() {
    tell "start the docker daemon"
    # That of a daemon that was killed keeps the next one from starting, if only its number lives on.
    if [ "$(cat "/proc/$(cat /var/run/docker.pid 2>/dev/null || echo none)/comm" 2>/dev/null)" != dockerd ]; then
        rm -f /var/run/docker.pid
    fi
    setsid dockerd >"$state/dockerd.log" 2>&1 </dev/null {lock}>&- &
    local tries=0
    until docker info >/dev/null 2>&1; do
        tries=$((tries + 1))
        if [ "$tries" -gt 60 ]; then
            tail -n 25 "$state/dockerd.log" >&2
            fail "the docker daemon did not answer within 60 s"
        fi
        sleep 1
    done
}
