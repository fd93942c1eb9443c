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

# Beside a stack that is not up, nothing is where DATABASE_URL says, and what fails could not tell why.
host=${DATABASE_URL:-}
host=${host#*://} host=${host%%/*} host=${host##*@} host=${host%:*}
if [ -n "$host" ] && ! timeout 5 getent ahosts "$host" >/dev/null; then
    printf "warning: there is no host '%s' here: the stack is not up. 'docker compose up --detach' starts it.\n" "$host" >&2
fi

exec "${as_owner[@]}" "$@"
