#!/usr/bin/env bash
# Refuses to start a stack with other settings than were meant, before anything has started: Compose reads `.env` by
# itself, which is production's, and no other env file. Run by secrets.sh, on what docker-compose.yml tells `secrets`.
set -euo pipefail

files=docker-compose.yml
production=docker-compose.prod.yml
given=${COMPOSE_FILES:-}

fail() {
    printf 'error: %s\nhint: Nothing else was started, the data is as it was. %s\n' "$1" "$2" >&2
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
    folder=$(while read -r _ _ _ root target _; do [ "$target" != /backups ] || echo "$root"; done </proc/self/mountinfo)
    fail "the stack '$PROJECT' is another folder's, whose backups its volume '${PROJECT}_backups' has: $folder" \
        "Where it ran, it may be stopped now: 'docker compose up --detach' in that folder starts it again. Give the stack of this folder \
a COMPOSE_PROJECT_NAME of its own in the env file. If that folder was moved or copied here for good: 'docker compose down', then \
'docker volume rm ${PROJECT}_backups', which removes a name and no backup."
fi

# Each variable of the env file of 'docker' that changes what the compose files say by themselves.
unread() {
    local line
    while read -r line || [ -n "$line" ]; do
        case "${line#export }" in
            "" | "#"* | DECKINFRA_KIND=* | COMPOSE_FILE=* | COMPOSE_FILES=* | VITE_*) ;;
            # As committed: the compose files say the same, or the file for development does.
            DATABASE_URL=mysql+pymysql://deck@database:3306/deck | DATABASE_ADMIN_USER=root) ;;
            CORS_ORIGINS=http://localhost:5173,http://127.0.0.1:5173) ;;
            *=*) line=${line#export } && printf '%s ' "${line%%=*}" ;;
        esac
    done </env-file
}

if means_production && [ -z "${HARDENED:-}" ]; then
    fail "these are production's settings, and $production is not among the compose files" \
        "docker compose -f $files -f $production up --detach; COMPOSE_FILE and COMPOSE_FILES in the env file name both."
fi

if [ "$DECKINFRA_ENVIRONMENT" = docker ] && [ -z "${ENV_FILE_READ:-}" ]; then
    names=$(unread)
    if [ -n "$names" ]; then
        fail ".env.docker sets ${names% }, and Compose was not told to read it" \
            "docker compose --env-file .env.docker up --detach, or with the tasks: invoke stack.up -e docker."
    fi
fi

case "${DATABASE_URL:-}:${EXTERNAL_DATABASE:-}" in
    *://*:*@*)
        fail "DATABASE_URL has a password in it, which every 'docker inspect' would show" \
            "Take it out there, and write it into .secrets/$DECKINFRA_ENVIRONMENT/DATABASE_PASSWORD."
        ;;
    mysql+pymysql://deck@database:3306/deck: | mysql+pymysql://deck@database/deck:) ;;
    mysql+pymysql://deck@database:3306/deck\?*: | mysql+pymysql://deck@database/deck\?*:) ;;
    *@database[:/]*:)
        fail "DATABASE_URL is $DATABASE_URL, and this stack's own database and its user are both called deck" \
            "Take DATABASE_URL out of the env file, or make it mysql+pymysql://deck@database:3306/deck."
        ;;
    *:)
        fail "DATABASE_URL is $DATABASE_URL, which is not this stack's own database" \
            "For one elsewhere, name docker-compose.external.yml as the last one in COMPOSE_FILES and COMPOSE_FILE."
        ;;
    *) ;;
esac
