#!/usr/bin/env bash
# Refuses to work with other settings than were meant: Compose reads `.env` by itself, which is production's, and no other
# env file. Run by secrets.sh before anything has started, and by as-owner.sh, on what docker-compose.yml tells them:
#
#   guard.sh [COMMAND OF COMPOSE…]    what was run, for the hint; `up --detach` without one
set -euo pipefail

files=docker-compose.yml
production=docker-compose.prod.yml
given=${COMPOSE_FILES:-}
# As it was given, for a shell to read again.
command="up --detach"
safe="Nothing else was started, the data is as it was."
if [ $# -gt 0 ]; then
    printf -v command '%q ' "$@"
    command=${command% }
    safe="It was not run, the data is as it was."
fi

fail() {
    printf 'error: %s\nhint: %s %s\n' "$1" "$safe" "$2" >&2
    exit 3
}

means_production() {
    case ",$given," in *"$production"*) return 0 ;; esac
    case "${DECKINFRA_STAGE:-}:$DECKINFRA_ENVIRONMENT" in
        production:* | :prd | :live | :prod*) return 0 ;;
        *) return 1 ;;
    esac
}

# A volume is known by its name alone, and stays what it was made as: this one, by the checkout that had the name first.
if [ -e /own-backups ] && ! [ /backups -ef /own-backups ]; then
    # There, a space is written as \040.
    printf -v folder %b "$(awk '$5 == "/backups" { print $4 }' /proc/self/mountinfo)"
    # By itself, Compose would read production's settings, and take its stack.
    file=.env
    if [ "$DECKINFRA_ENVIRONMENT" != production ]; then file=.env.$DECKINFRA_ENVIRONMENT; fi
    compose="docker compose --env-file $file --project-name $PROJECT"
    fail "the stack '$PROJECT' is another folder's, whose backups its volume '${PROJECT}_backups' has: $folder" \
        "Where it ran, it may be stopped now: '$compose up --detach' in that folder starts it again. Give this \
folder's stack a COMPOSE_PROJECT_NAME of its own in the env file. If that folder was moved or copied here for good: \
'$compose down', then 'docker volume rm ${PROJECT}_backups', which removes a name and no backup."
fi

# Each variable of the env file of 'docker' that changes what the compose files say by themselves.
unread() {
    local line
    while read -r line || [ -n "$line" ]; do
        line=${line#export } line=${line%$'\r'}
        # Quoted or not, it is the same to Compose.
        if [[ $line =~ ^([^=]+)=\"([^\"]*)\"$ || $line =~ ^([^=]+)=\'([^\']*)\'$ ]]; then
            line=${BASH_REMATCH[1]}=${BASH_REMATCH[2]}
        fi
        case "$line" in
            "" | "#"* | VITE_*) ;;
            # As committed: the compose files say the same, or the file for development does.
            DECKINFRA_KIND=docker | DATABASE_URL=mysql+pymysql://deck@database:3306/deck | DATABASE_ADMIN_USER=root) ;;
            COMPOSE_FILES=docker-compose.yml,docker-compose.dev.yml | COMPOSE_FILES=docker-compose.yml) ;;
            COMPOSE_FILE=docker-compose.yml:docker-compose.dev.yml | COMPOSE_FILE=docker-compose.yml) ;;
            CORS_ORIGINS=http://localhost:5173,http://127.0.0.1:5173) ;;
            *=*) printf '%s ' "${line%%=*}" ;;
        esac
    done </env-file
}

if means_production && [ -z "${HARDENED:-}" ]; then
    fail "these are production's settings, and $production is not among the compose files" \
        "docker compose -f $files -f $production $command; COMPOSE_FILE and COMPOSE_FILES in the env file name both."
fi

if [ "$DECKINFRA_ENVIRONMENT" = docker ] && [ -z "${ENV_FILE_READ:-}" ] && [ -r /env-file ]; then
    names=$(unread)
    if [ -n "$names" ]; then
        fail ".env.docker sets ${names% }, and Compose was not told to read it" \
            "docker compose --env-file .env.docker $command, or with the tasks: invoke stack.up -e docker."
    fi
fi

# NAME:PASSWORD@, with all but an @ in the password; what stands after the first @ is none, unless it is called so.
url=${DATABASE_URL:-}
if [[ $url =~ ^[^:]*://[^:/@]*:[^@]+@ || $url =~ [?\&]passw[a-z]*= ]]; then
    fail "DATABASE_URL has a password in it, which every 'docker inspect' would show" \
        "Take it out there, and write it into .secrets/$DECKINFRA_ENVIRONMENT/DATABASE_PASSWORD."
fi

case "${EXTERNAL_DATABASE:-no}:$url" in
    yes:*@database[:/]* | yes:)
        fail "docker-compose.external.yml is among the compose files, and DATABASE_URL names no database elsewhere" \
            "Set it in the env file, or take docker-compose.external.yml out of COMPOSE_FILES and COMPOSE_FILE there."
        ;;
    yes:*) ;;
    no:mysql+pymysql://deck@database:3306/deck | no:mysql+pymysql://deck@database/deck) ;;
    no:mysql+pymysql://deck@database:3306/deck\?* | no:mysql+pymysql://deck@database/deck\?*) ;;
    no:*@database[:/]*)
        fail "DATABASE_URL is $url, and this stack's own database and its user are both called deck" \
            "Take DATABASE_URL out of the env file, or make it mysql+pymysql://deck@database:3306/deck."
        ;;
    *)
        fail "DATABASE_URL is $url, which is not this stack's own database" \
            "For one elsewhere, name docker-compose.external.yml as the last one in COMPOSE_FILES and COMPOSE_FILE."
        ;;
esac
