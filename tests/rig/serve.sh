#!/bin/bash
# The entry point of the stand-in images. It keeps to what the official images document, as far as
# this project uses it. Only the first start, on an empty data folder, does anything but serve:
#
#   ROOT_PASSWORD, DATABASE, USER, PASSWORD   with MYSQL_ or MARIADB_ before; NAME_FILE names a file instead
#   ALLOW_EMPTY_PASSWORD                      lets ROOT_PASSWORD be absent
#
# It begins as root, and all but the first steps is done by the server's own user, so few capabilities are needed.
#
#   /docker-entrypoint-initdb.d/*             .sh, .sql, .sql.gz and .sql.zst, in order, before the network opens
set -eo pipefail

datadir=/var/lib/mysql
socket=/run/mysqld/first-start.sock

log() { echo "[entrypoint] $*" >&2; }

setting() {
    local brand variable file
    for brand in MYSQL MARIADB; do
        variable=${brand}_$1
        file=${brand}_$1_FILE
        if [ -n "${!variable-}" ]; then
            printf %s "${!variable}"
            return
        elif [ -n "${!file-}" ]; then
            printf %s "$(<"${!file}")"
            return
        fi
    done
}

# A string literal: backslashes and quotes escaped.
literal() {
    local text=${1//\\/\\\\}
    printf "'%s'" "${text//\'/\\\'}"
}

# As root: make the data folder the server's, and read the secrets, which nobody else may be able to.
hand_over() {
    local brand name file
    find "$datadir" ! -user mysql -exec chown mysql: {} +
    for brand in MYSQL MARIADB; do
        for name in ROOT_PASSWORD DATABASE USER PASSWORD; do
            file=${brand}_${name}_FILE
            [ -n "${!file-}" ] || continue
            export "${brand}_$name=$(<"${!file}")"
            unset "$file"
        done
    done
}

make_datadir() {
    if [ "$server" = mysqld ]; then
        mysqld --initialize-insecure --datadir="$datadir"
    else
        mariadb-install-db --datadir="$datadir" --auth-root-authentication-method=normal --skip-test-db >/dev/null
    fi
}

run_script() {
    log "running $1"
    case $1 in
        *.sh) bash "$1" ;;
        *.sql) client ${database:+"$database"} <"$1" ;;
        *.sql.gz) gzip -dc "$1" | client ${database:+"$database"} ;;
        *.sql.zst) zstd -dc "$1" | client ${database:+"$database"} ;;
        *) log "ignored: not a script" ;;
    esac
}

first_start() {
    local root_password user password pid script
    root_password=$(setting ROOT_PASSWORD)
    database=$(setting DATABASE)
    user=$(setting USER)
    password=$(setting PASSWORD)
    if [ -z "$root_password$(setting ALLOW_EMPTY_PASSWORD)" ]; then
        log "set MYSQL_ROOT_PASSWORD (or MARIADB_ROOT_PASSWORD), or ALLOW_EMPTY_PASSWORD"
        exit 1
    fi
    make_datadir
    "$@" --datadir="$datadir" --socket="$socket" --skip-networking &
    pid=$!
    client() { "$tool" --socket="$socket" --user=root "$@"; }
    until client -e 'SELECT 1' >/dev/null 2>&1; do
        kill -0 "$pid" 2>/dev/null || { log "the server ended before it was ready"; exit 1; }
        sleep 0.2
    done

    [ -z "$database" ] || client -e "CREATE DATABASE IF NOT EXISTS \`$database\`"
    if [ -n "$user" ]; then
        client -e "CREATE USER $(literal "$user")@'%' IDENTIFIED BY $(literal "$password")"
        [ -z "$database" ] || client -e "GRANT ALL ON \`$database\`.* TO $(literal "$user")@'%'"
    fi
    for script in /docker-entrypoint-initdb.d/*; do
        [ ! -f "$script" ] || run_script "$script"
    done
    # mariadb-install-db makes further root accounts, without a password, and nameless ones.
    client --batch --skip-column-names -e "SELECT CONCAT('DROP USER ', QUOTE(user), '@', QUOTE(host), ';')
        FROM mysql.user WHERE user = '' OR (user = 'root' AND host <> 'localhost')" | client
    # Last, since from here on the client would need the password.
    client <<END
CREATE USER root@'%' IDENTIFIED BY $(literal "$root_password");
GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;
ALTER USER root@localhost IDENTIFIED BY $(literal "$root_password");
END
    kill "$pid"
    wait "$pid" || true
    log "the data folder is ready"
}

case ${1-} in
    mysqld | mariadbd) ;;
    -*) if command -v mariadbd >/dev/null; then set -- mariadbd "$@"; else set -- mysqld "$@"; fi ;;
    *) exec "$@" ;;
esac
if [ "$(id -u)" = 0 ]; then
    hand_over
    exec setpriv --reuid=mysql --regid=mysql --clear-groups -- "$0" "$@"
fi
server=$1
tool=mariadb
[ "$server" != mysqld ] || tool=mysql
[ -d "$datadir/mysql" ] || first_start "$@"
exec "$@" --datadir="$datadir"
