#!/usr/bin/env bash
# Runs a command as the owner of the backups, without any capability: as-owner.sh COMMAND…
#
# So what it writes belongs to whoever runs the tasks outside of the container. Where root owns them, it
# is root, who may then do no more than any other user.
set -euo pipefail

owner=$(stat -c %u:%g /app/backups)
as_owner=()
if [ "$(id -u)" -eq 0 ]; then
    as_owner=(setpriv --reuid "${owner%:*}" --regid "${owner#*:}" --clear-groups --inh-caps=-all --bounding-set=-all
        --no-new-privs --)
fi

# Compose has made this container of settings that may not be those that were meant.
if [ -e /env-file ]; then
    "${as_owner[@]}" "$BASH" "${BASH_SOURCE[0]%/*}/guard.sh" run --rm ops "$@"
fi

# What is written anywhere else than into a folder of the machine goes with this container.
is_mounted() {
    local point
    while read -r _ _ _ _ point _; do
        case "$point" in / | /tmp | /dev | /dev/*) continue ;; esac
        case "$1/" in "$point"/*) return 0 ;; esac
    done </proc/self/mountinfo
    return 1
}

repository=${BACKUP_REPOSITORY:-}
if [[ $repository == file:* ]] && ! is_mounted "$(cd /app && realpath --canonicalize-missing -- "${repository#file:}")"; then
    said="BACKUP_REPOSITORY is $repository, which is no folder of the machine in this container"
    case " $* " in
        *" setup "* | *" db.backup "*)
            printf 'error: %s\nhint: Nothing was done. %s\n' "$said" "Run it outside of the container, by the tasks with \
-e ${DECKINFRA_ENVIRONMENT:-docker}, or mount the folder at the same place, by a compose file of your own for migrate, \
first-run and ops." >&2
            exit 3
            ;;
        *)
            printf "warning: %s: its backups are not seen here, and none is taken. Outside of the container, %s.\n" "$said" \
                "the tasks with -e ${DECKINFRA_ENVIRONMENT:-docker} have them" >&2
            ;;
    esac
fi

# Beside a stack that is not up, nothing is where DATABASE_URL says, and what fails could not tell why.
host=${DATABASE_URL:-}
host=${host#*://} host=${host%%/*} host=${host##*@} host=${host%:*}
if [ -n "$host" ] && ! timeout 5 getent ahosts "$host" >/dev/null; then
    file=.env
    if [ "${DECKINFRA_ENVIRONMENT:-docker}" != production ]; then file=.env.${DECKINFRA_ENVIRONMENT:-docker}; fi
    printf "warning: there is no host '%s' here: the stack is not up. %s starts it.\n" "$host" \
        "'docker compose --env-file $file up --detach'" >&2
fi

exec "${as_owner[@]}" "$@"
