#!/usr/bin/env bash
# Runs a command as the owner of the backups, without any capability: as-owner.sh COMMAND…
#
# So what it writes belongs to whoever runs the tasks outside of the container. Where root owns them, it
# is root, who may then do no more than any other user.
set -euo pipefail

# Beside a stack that is not up, nothing is where DATABASE_URL says, and what fails could not tell why.
host=${DATABASE_URL:-}
host=${host#*://} host=${host%%/*} host=${host##*@} host=${host%:*}
if [ -n "$host" ] && ! timeout 5 getent ahosts "$host" >/dev/null; then
    printf "warning: there is no host '%s' here: the stack is not up. 'docker compose up --detach' starts it.\n" "$host" >&2
fi

backups=/app/backups
owner=$(stat -c %u "$backups")
group=$(stat -c %g "$backups")
if [ "$(id -u)" -ne 0 ]; then
    exec "$@"
fi
exec setpriv --reuid "$owner" --regid "$group" --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs -- "$@"
