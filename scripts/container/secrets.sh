#!/usr/bin/env bash
# Makes the secrets that are missing in /secrets, the project's .secrets, as `invoke env.init` does outside of a
# container, and copies to each service those that it needs. Run by root when the stack starts; a second run changes
# nothing. It runs in the database's image, since what is made anew with each version of the application would take
# the database along, which waits for it. They belong to the owner of the backups, or to OWNER.
#
#   /run/secrets/application   for the backend's user, and nobody else
#   /run/secrets/database      for root, as which the database's image begins
set -euo pipefail

environment=${DECKINFRA_ENVIRONMENT:?}
folder=/secrets/$environment
owner=${OWNER:-$(stat -c %u:%g /backups)}

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

# A new secret; but the copy of one that was handed on, since a database goes by the one that it was made with, and
# who is signed in by the key.
secret() {
    local copy
    for copy in "/run/secrets/database/$1" "/run/secrets/application/$1"; do
        if [ -s "$copy" ]; then
            cat -- "$copy"
            return
        fi
    done
    generate
}

# 48 letters and digits, as deckinfra's own are: the random bytes are ten times as many as are needed.
generate() { head -c 2048 /dev/urandom | LC_ALL=C tr -dc A-Za-z0-9 | cut -c 1-48; }

# A container sees no more than the folder itself, where a link may lead out of.
refuse_lost_link() {
    local path=$folder/$1
    if [ -L "$path" ] && [ ! -e "$path" ]; then
        fail ".secrets/$environment/$1 is a link, and where it leads is not in a container: $(readlink -- "$path")" \
            "Nothing else was started, and the link is as it was. Write the secret itself into a file of that name."
    fi
}

# make NAME: a file that is there, even an empty one, stays as it is. A link appears whole, or not at all.
make() {
    local path=$folder/$1
    refuse_lost_link "$1"
    [ ! -e "$path" ] || return 0
    (umask 077 && secret "$1" >"$folder/.$1.new")
    chown "$owner" "$folder/.$1.new"
    ln -- "$folder/.$1.new" "$path" || [ -e "$path" ]
    rm -- "$folder/.$1.new"
    printf '.secrets/%s/%s: was missing and is there, readable by its owner only\n' "$environment" "$1"
}

# copy NAME FOLDER OWNER: it appears whole, with its mode.
copy() {
    local source=$folder/$1 target=$2/$1
    refuse_lost_link "$1"
    [ -s "$source" ] || fail ".secrets/$environment/$1 is missing or empty" \
        "Nothing was started. Write the secret into that file; one of the stack's own is made anew where there is no file."
    if [ -e "$target" ] && [ "$(<"$source")" = "$(<"$target")" ] && [ "$(stat -c %u:%a "$target")" = "$3:400" ]; then
        return
    fi
    # The newest last. After a change by mistake, this may be the only place that has what the database goes by.
    if [ -s "$target" ] && [ "$2" = /run/secrets/database ]; then
        (umask 077 && printf '%s\n' "$(<"$target")" >>"$target.before")
    fi
    install --mode=400 --owner="$3" --group="$3" -- "$source" "$target.new"
    mv -- "$target.new" "$target"
}

"$BASH" "${BASH_SOURCE[0]%/*}/guard.sh"
mkdir -p -- "$folder"
# Where only the environment's own folder is mounted, the one around it is the container's, which is read-only.
if [ -w /secrets ]; then mend /secrets; fi
mend "$folder"
for file in "$folder"/*; do
    [ -L "$file" ] || mend "$file"
done
# Who has the database elsewhere has its passwords, too.
own=(DATABASE_PASSWORD DATABASE_ADMIN_PASSWORD)
if [ -n "${EXTERNAL_DATABASE:-}" ]; then own=(); fi
for name in "${own[@]}" APP_SECRET_KEY; do
    make "$name"
done
for name in DATABASE_PASSWORD APP_SECRET_KEY; do
    copy "$name" /run/secrets/application 10001
done
for name in "${own[@]}"; do
    copy "$name" /run/secrets/database 0
done
