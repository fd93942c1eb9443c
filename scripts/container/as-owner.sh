#!/usr/bin/env bash
# Runs a command as the owner of the backups, without any capability: as-owner.sh COMMAND…
#
# So what it writes belongs to whoever runs the tasks outside of the container. Where root owns them, it
# is root, who may then do no more than any other user.
set -euo pipefail

backups=/app/backups
owner=$(stat -c %u "$backups")
group=$(stat -c %g "$backups")
if [ "$(id -u)" -ne 0 ]; then
    exec "$@"
fi
exec setpriv --reuid "$owner" --regid "$group" --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs -- "$@"
