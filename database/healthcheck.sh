#!/bin/bash
# The health check of the database's container: the application's user logs in over TCP and selects from its database.
# A ping would be answered although the password is wrong, and while the image is still preparing the database.
#
# The password goes from its file to the client through a descriptor: no argument and no variable has it.
set -euo pipefail

client=$(command -v mariadb || command -v mysql)

option_file() {
    local password
    password=$(<"$MYSQL_PASSWORD_FILE")
    password=${password//\\/\\\\}
    printf '[client]\npassword="%s"\n' "${password//\"/\\\"}"
}

exec "$client" --defaults-file=<(option_file) --protocol=tcp --host=127.0.0.1 --port=3306 --connect-timeout=4 \
    --user="$MYSQL_USER" --database="$MYSQL_DATABASE" --batch --skip-column-names --execute='SELECT 1' >/dev/null
