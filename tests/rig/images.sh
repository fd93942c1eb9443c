# Builds stand-ins for the official database images from Debian's packages. Sourced by up.sh.
# The servers in them are the real ones; only the image around them is ours (see serve.sh).
# shellcheck shell=bash disable=SC2154

image_up() {
    local image
    image=$(image_of "$1")
    has_image "$image" && return
    command -v debootstrap >/dev/null ||
        step "install debootstrap" apt-get install -y --no-install-recommends debootstrap
    case $1 in # MySQL is not in a Debian release, only in sid
        mysql) build "$image" mysqld sid mysql-server-core mysql-client-core mysql-client ;;
        mariadb) build "$image" mariadbd trixie mariadb-server-core mariadb-client mariadb-backup ;;
    esac
}

# build IMAGE DAEMON SUITE PACKAGE…
build() {
    local image=$1 daemon=$2 suite=$3 root packages
    shift 3
    root=$state/${image%%:*}-root
    packages=$(IFS=,; echo "zstd,$*")
    rm -rf "$root" # what an interrupted run left
    step "unpack $image" debootstrap --variant=minbase --include="$packages" "$suite" "$root" "$(debian_mirror)"
    step "arrange $image" arrange "$root"
    step "import $image" import "$image" "$daemon" "$root"
    rm -rf "$root"
}

# Lay the file system out as in the official images: an empty data folder, drop-in configuration in
# /etc/mysql/conf.d, first-run scripts in /docker-entrypoint-initdb.d.
arrange() {
    local root=$1
    rm -rf "$root"/var/lib/mysql "$root"/etc/mysql "$root"/var/cache/apt/archives/*.deb \
        "$root"/var/lib/apt/lists "$root"/usr/share/doc "$root"/usr/share/man
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

import() {
    local image=$1 daemon=$2 root=$3
    tar -C "$root" -c . | docker import \
        --change 'ENTRYPOINT ["docker-entrypoint.sh"]' \
        --change "CMD [\"$daemon\"]" \
        --change 'VOLUME /var/lib/mysql' \
        --change 'EXPOSE 3306' \
        --change 'LABEL deckinfra.stand-in=true' \
        - "$image"
}
