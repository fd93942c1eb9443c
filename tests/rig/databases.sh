# Builds stand-ins for the official database images. Sourced by up.sh. serve.sh is their entry point.
# shellcheck shell=bash disable=SC2154

# database_image IMAGE DAEMON SUITE PACKAGE…
database_image() {
    local image=$1 daemon=$2 suite=$3 root
    shift 3
    unpack "$image" "$suite" zstd "$@"
    step "arrange $image" arrange "$root"
    import "$image" 'ENTRYPOINT ["docker-entrypoint.sh"]' "CMD [\"$daemon\"]" 'VOLUME /var/lib/mysql' 'EXPOSE 3306' \
        "LABEL deckinfra.stand-in=$(entrypoint_version)"
}

# Lay the file system out as in the official images: an empty data folder, drop-in configuration in
# /etc/mysql/conf.d, first-run scripts in /docker-entrypoint-initdb.d.
arrange() {
    local root=$1
    rm -rf "$root"/var/lib/mysql "$root"/etc/mysql
    chroot "$root" sh -c 'getent passwd mysql || useradd --system --user-group --home-dir /nonexistent mysql'
    install -d "$root"/etc/mysql/conf.d "$root"/docker-entrypoint-initdb.d
    chroot "$root" install -d -o mysql -g mysql /var/lib/mysql /var/lib/mysql-files /run/mysqld
    cat >"$root"/etc/mysql/my.cnf <<END
[client]
socket = /run/mysqld/mysqld.sock

[mysqld]
socket = /run/mysqld/mysqld.sock
bind-address = *
skip-name-resolve

!includedir /etc/mysql/conf.d/
END
    install -m 755 "$rig/serve.sh" "$root"/usr/local/bin/docker-entrypoint.sh
}

# Put today's entry point into an image that was made with an older one.
renew_entrypoint() {
    docker build --tag "$1" --label "deckinfra.stand-in=$(entrypoint_version)" --file - "$rig" <<END
FROM $1
COPY --chmod=755 serve.sh /usr/local/bin/docker-entrypoint.sh
END
}
