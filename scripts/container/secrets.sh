#!/usr/bin/env bash
# Makes the secrets that are missing in /app/.secrets, as `invoke env.init` does outside of a container, and copies
# to each service those that it needs. Run by root when the stack starts; a second run changes nothing.
#
#   /run/secrets/application   for the backend's user, and nobody else
#   /run/secrets/database      for root, as which the database's image begins
set -euo pipefail

environment=${DECKINFRA_ENVIRONMENT:?}
here=$(dirname -- "${BASH_SOURCE[0]}")
folder=/app/.secrets/$environment
owner=$(stat -c %u:%g /app/backups)

fail() {
    printf 'error: %s\nhint: %s\n' "$1" "$2" >&2
    exit 3
}

# Docker makes a folder to mount as root's, readable by all, where there is none; and what a task that was run by
# root has made in somebody else's checkout is root's, too.
mend() {
    if [ -e "$1" ] && [ "$(stat -c %u:%g "$1")" = 0:0 ] && [ "$owner" != 0:0 ]; then
        chown "$owner" "$1"
    fi
    if [ -e "$1" ] && [ "$(stat -c %u:%g "$1")" = "$owner" ]; then
        chmod go= "$1"
    fi
}

# copy NAME FOLDER OWNER: it appears whole, with its mode.
copy() {
    local source=$folder/$1 target=$2/$1
    [ -s "$source" ] || fail "there is no .secrets/$environment/$1" \
        "Nothing was started. Write the secret into that file, or take it out of the environment; then start again."
    if cmp --silent -- "$source" "$target" && [ "$(stat -c %u:%a "$target")" = "$3:400" ]; then
        return
    fi
    install --mode=400 --owner="$3" --group="$3" -- "$source" "$target.new"
    mv -- "$target.new" "$target"
}

mend /app/.secrets
mend "$folder"
for file in "$folder"/*; do
    [ -L "$file" ] || mend "$file"
done
"$here/as-owner.sh" invoke env.init
for name in DATABASE_PASSWORD APP_SECRET_KEY; do
    copy "$name" /run/secrets/application 10001
done
for name in DATABASE_PASSWORD DATABASE_ADMIN_PASSWORD; do
    copy "$name" /run/secrets/database 0
done
