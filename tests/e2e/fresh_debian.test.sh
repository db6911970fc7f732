#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Both commands of the README on a Debian 12 that has nothing but its base system. It is debootstrapped (root and the
# network are needed) and takes a quarter of an hour, so it belongs to ./tools/test --long.

set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
NAMES=("tools run on a fresh Debian" "tools test on a fresh Debian")

skip() {
    printf "skipped %s: $1\n" "${NAMES[@]}"
    exit 0
}

[ -n "${MILLRACE_LONG:-}" ] || skip "only with --long"
[ "$(id -u)" -eq 0 ] || skip "only root can debootstrap"
command -v debootstrap >/dev/null || skip "there is no debootstrap"

mkdir -p build
root=$(mktemp -d -p build fresh_debian.XXXXXX) || exit 1
root=$PWD/$root
trap 'rm -rf --one-file-system "$root"' EXIT

# inside COMMAND: in the new system, with mounts and processes that end with it. It is the root of its mounts, not a
# chroot, because tests make mounts of their own. Authorities that this machine trusts are trusted there too: the way
# out may be theirs.
inside() {
    unshare --mount --pid --fork --kill-child bash -c '
        mount --make-rprivate / && mount --bind "$0" "$0" && cd "$0" && mount -t proc proc proc &&
        mount --rbind /sys sys && mount --rbind /dev dev && mkdir -p outside && pivot_root . outside || exit 1
        exec /usr/sbin/chroot . /usr/bin/env -i HOME=/root TERM=dumb PATH=/usr/sbin:/usr/bin:/sbin:/bin \
            NODE_EXTRA_CA_CERTS=/root/authorities.crt npm_config_cafile=/root/authorities.crt \
            bash -c "umount -l /outside; cd /root/millrace || exit; $1"' "$root" "$1"
}

said=$(debootstrap bookworm "$root" 2>&1) || skip "debootstrap failed: $(tail -n 1 <<<"$said")"
cp /etc/resolv.conf "$root/etc/" && cp /etc/ssl/certs/ca-certificates.crt "$root/root/authorities.crt"
git clone --quiet . "$root/root/millrace" || exit 1
[ ! -d ../shared ] || cp -a ../shared "$root/root/"

# outcome NAME TEXT SAID: good when TEXT is there; all of SAID is in build/fresh_debian.log.
outcome() {
    printf '%s\n' "$3" >>build/fresh_debian.log
    if [[ $3 =~ $2 ]]; then
        echo "ok $1"
    else
        echo "failed $1: $(tail -n 20 <<<"$3" | tr '\n' ' ')"
    fi
}

: >build/fresh_debian.log
said=$(inside '
    ./tools/run >/root/run.log 2>&1 &
    until grep -q "Millrace listens on" /root/run.log || ! kill -0 $!; do sleep 1; done
    kill -TERM $!
    wait $!
    echo "ended with status $?"
    cat /root/run.log' 2>&1)
outcome "${NAMES[0]}" 'ended with status 0.*"canonicalId".*Millrace listens on' "$said"
said=$(inside 'exec ./tools/test' 2>&1)
outcome "${NAMES[1]}" '[0-9]+ passed, 0 failed' "$said"
