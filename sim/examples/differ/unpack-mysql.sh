#!/bin/sh
# Unpacks Debian unstable's MySQL server into TARGET without installing anything: a private apt
# configuration, on the mirror that this machine uses already, fetches the packages.
#   sim/examples/differ/unpack-mysql.sh TARGET
#   VINDICATE_MYSQL_ROOT=TARGET cargo run -p sim --example differ -- --seeds 0..100
set -eu
target=$(mkdir -p "${1:?usage: unpack-mysql.sh TARGET}" && cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/state" "$work/debs"
touch "$work/state/status"
mirror=$(awk '/^URIs:/ {print $2; exit}' /etc/apt/sources.list.d/debian.sources)
key=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$key] $mirror sid main" > "$work/sources.list"

apt() {
    command=$1
    shift
    "$command" -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=/dev/null \
        -o Dir::State="$work/state" -o Dir::State::lists="$work/lists" \
        -o Dir::State::status="$work/state/status" -o Dir::Cache="$work/cache" \
        -o APT::Sandbox::User=root "$@"
}

apt apt-get -qq update
server=$(apt apt-cache search --names-only '^mysql-server-core' | awk '{print $1; exit}')
server=${server:-mysql-server-core}
# The server and the libraries below it. Perl and what only maintainers' scripts need stay away.
packages=$(apt apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts \
    --no-breaks --no-replaces --no-enhances "$server" |
    grep '^[a-z]' | grep -v -e '^perl' -e '^libperl' -e '^debconf' -e '^cdebconf' | sort -u)
cd "$work/debs"
# shellcheck disable=SC2086 # a list of words
apt apt-get -qq download $packages
for package in *.deb; do
    dpkg -x "$package" "$target"
done
echo "VINDICATE_MYSQL_ROOT=$target"
