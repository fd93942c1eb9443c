#!/usr/bin/env bash
# Collects the client tools of a database image with all that they need, so that they run in any other one:
#
#   collect-clients.sh TARGET    writes TARGET/bin (what to call), TARGET/libexec, TARGET/lib and TARGET/plugin
#
# The loader comes along, and with it the C library: those of the image that the tools end up in may be older or
# another system's. So a tool is called through a script that starts it by its own loader.
set -euo pipefail

target=$1
# MariaDB's tools have MySQL's names as well, where they only mislead.
tools=(mysql mysqldump)
if command -v mariadb >/dev/null; then tools=(mariadb mariadb-dump); fi
# What a log-in may need besides what is built in. Servers' plugins lie in the same folders, and are left there.
plugins=(caching_sha2_password sha256_password mysql_native_password mysql_clear_password dialog client_ed25519 parsec)

fail() {
    printf 'error: %s\nhint: %s\n' "$1" "$2" >&2
    exit 1
}

# The libraries of a program, and its loader, each by its path.
libraries() { ldd "$1" | grep -o '/[^ ]*'; }

collect_libraries() {
    local library
    for library in $(libraries "$1"); do
        [ -e "$target/lib/${library##*/}" ] || cp -L -- "$library" "$target/lib/"
    done
}

collect_tool() {
    local name=$1 path loader
    path=$(readlink -f -- "$(command -v "$name")")
    cp -- "$path" "$target/libexec/$name"
    collect_libraries "$path"
    loader=$(libraries "$path" | grep -m 1 '/ld[^/]*$')
    cat >"$target/bin/$name" <<END
#!/bin/sh
export LIBMYSQL_PLUGIN_DIR="\${LIBMYSQL_PLUGIN_DIR:-$target/plugin}" MARIADB_PLUGIN_DIR="\${MARIADB_PLUGIN_DIR:-$target/plugin}"
exec $target/lib/${loader##*/} --library-path $target/lib $target/libexec/$name "\$@"
END
    chmod 755 "$target/bin/$name"
}

mkdir -p "$target"/{bin,libexec,lib,plugin}
for tool in "${tools[@]}"; do
    command -v "$tool" >/dev/null || fail "this image has no $tool" \
        "Nothing was built. DATABASE_IMAGE has to name an image of MySQL or MariaDB that has its client tools."
    collect_tool "$tool"
done

for plugin in "${plugins[@]}"; do
    for path in /usr/lib/*/libmariadb3/plugin/"$plugin".so /usr/lib*/mysql/plugin/"$plugin".so; do
        if [ -e "$path" ] && [ ! -e "$target/plugin/$plugin.so" ]; then
            cp -L -- "$path" "$target/plugin/"
            collect_libraries "$path"
        fi
    done
done

# Before 2.34 the C library loads these by name when it looks up a user or a host.
for path in $(ldconfig -p 2>/dev/null | grep -o '/[^ ]*/libnss_\(files\|dns\)\.so\.2\|/[^ ]*/libresolv\.so\.2'); do
    [ -e "$target/lib/${path##*/}" ] || cp -L -- "$path" "$target/lib/"
done
