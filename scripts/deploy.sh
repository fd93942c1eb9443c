#!/usr/bin/env bash
# Brings an environment to this checkout: checks every setting, backs up, builds, migrates, starts, and waits
# until all is healthy. Where the new version does not start, the old one is brought back; it says how that went.
#
#   scripts/deploy.sh [ENVIRONMENT] [OPTIONS OF invoke deploy]
#
# ENVIRONMENT is production where none is given. What this version needs of Python is installed first, in a .venv that
# scripts/setup-env.sh made; one that was made by hand is left as it is, and so is any with --back.
# Ends as `invoke deploy` does: docs/exit-codes.md.
set -euo pipefail

root="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)"
environment=production named=no
case "${1-}" in
    "") ;;
    -h | --help)
        sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"
        exit 0
        ;;
    -*) ;;
    *)
        environment="$1" named=yes
        shift
        ;;
esac

invoke="$root/.venv/bin/invoke"
if [ ! -x "$invoke" ]; then
    printf 'error: %s\nhint: %s\n' "there is no $invoke: the project is not installed here" \
        "Nothing was done. Run scripts/setup-env.sh --env=$environment first." >&2
    exit 3
fi

if [ "$named" = no ] && [ ! -e "$root/.env" ]; then
    printf 'error: %s\nhint: %s\n' "there is no .env, which has the settings of production" \
        "Nothing was done. 'scripts/deploy.sh docker' deploys the environment 'docker'; docs/production.md makes one of production." >&2
    exit 3
fi

# At the way back, nothing may be in the way, such as a network that is not there.
back=no
for word in "$@"; do
    if [ "$word" = --back ]; then back=yes; fi
done

# The stamp that setup-env.sh leaves. It compares it, so where nothing changed, nothing is done.
if [ "$back" = no ] && [ -e "$root/.venv/.deckinfra-installed" ] && ! "$root/scripts/setup-env.sh" --no-setup; then
    printf 'hint: %s\n' "Nothing was deployed: what runs goes on as it was. Then run this again. \
'.venv/bin/invoke deploy -e $environment' deploys with what is installed, where that is enough." >&2
    exit 3
fi

cd -- "$root"
exec "$invoke" deploy --env="$environment" "$@"
