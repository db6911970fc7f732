# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What ./tools/run, ./tools/test and ./tools/dev share: set-up and building. Sourced, never run.
#
# Nothing here needs the network once the packages are there, and looking costs one dpkg-query.

set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BUILD=${MILLRACE_BUILD:-$ROOT/build}
cd "$ROOT"

PACKAGES_BUILD=(
    gcc g++ libc6-dev meson ninja-build pkg-config python3
    libcmocka-dev libh2o-evloop-dev libjemalloc-dev liblz4-dev libmaxminddb-dev libsimdjson-dev libssl-dev liburing-dev
    libwslay-dev libxxhash-dev libyaml-dev zlib1g-dev
)
PACKAGES_RUN=(curl ca-certificates)
PACKAGES_TEST=(curl ca-certificates clang libclang-rt-14-dev llvm)
PACKAGES_BENCH=(librocksdb-dev)

is_terminal() { [ -t 2 ]; }

# One line of progress, to standard error. Standard output is for answers.
say() { printf '%s\n' "$*" >&2; }

die() {
    say "$*"
    exit 1
}

# with_progress LOG TEXT COMMAND…: quiet; a line that counts seconds on a terminal; the log if it fails.
with_progress() {
    local log=$1 text=$2 began=$SECONDS status=0 child
    shift 2
    mkdir -p "$(dirname "$log")"
    if ! is_terminal; then
        say "$text …"
        "$@" >"$log" 2>&1 || status=$?
    else
        "$@" >"$log" 2>&1 &
        child=$!
        # A background job does not hear Ctrl-C by itself.
        # shellcheck disable=SC2064
        trap "kill -TERM $child 2>/dev/null; exit 130" INT TERM
        while kill -0 "$child" 2>/dev/null; do
            printf '\r\033[K%s … %d s' "$text" $((SECONDS - began)) >&2
            sleep 0.2
        done
        wait "$child" || status=$?
        trap - INT TERM
        printf '\r\033[K' >&2
        [ $status -ne 0 ] || [ $((SECONDS - began)) -lt 2 ] || say "$text: $((SECONDS - began)) s"
    fi
    if [ $status -ne 0 ]; then
        cat "$log" >&2
        say "failed: $text (status $status; the log is $log)"
    fi
    return $status
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        say "not root, and there is no sudo"
        return 1
    fi
}

# The packages of the arguments that are not installed.
missing_packages() {
    local have
    have=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null | sed -n 's/^installed //p') || true
    printf '%s\n' "$@" | sort -u | grep -vxF -e "$have" || true
}

apt_install() {
    export DEBIAN_FRONTEND=noninteractive
    as_root apt-get update
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

# need_packages PACKAGE…
need_packages() {
    local missing
    if ! command -v dpkg-query >/dev/null; then
        say "no dpkg here: make sure that you have the likes of: $*"
        return 0
    fi
    mapfile -t missing < <(missing_packages "$@")
    [ ${#missing[@]} -gt 0 ] || return 0
    [ "$(id -u)" -eq 0 ] || ! command -v sudo >/dev/null || sudo -v
    with_progress "$BUILD/setup.log" "installing ${#missing[@]} packages (${missing[*]})" apt_install "${missing[@]}"
}

node_is_new() { "$1" -e 'process.exit(parseInt(process.versions.node) >= 20 ? 0 : 1)' >/dev/null 2>&1; }

# Node >= 20: from PATH, else npm's own `node` package in build/node. Puts it first in PATH.
need_node() {
    local inside=$BUILD/node/node_modules/.bin
    if command -v node >/dev/null && command -v npm >/dev/null && node_is_new node; then
        return 0
    fi
    if ! { [ -x "$inside/node" ] && node_is_new "$inside/node"; }; then
        command -v npm >/dev/null || need_packages npm
        mkdir -p "$BUILD/node"
        with_progress "$BUILD/node.log" "fetching Node" npm install --prefix "$BUILD/node" --no-audit --no-fund --no-save node@22
    fi
    export PATH="$inside:$PATH"
}

# What end-to-end tests in JavaScript need: Node, and the packages of tests/e2e/package.json, once for
# each content of its lock file.
need_e2e_modules() {
    local directory=$ROOT/tests/e2e stamp sum
    compgen -G "$directory/*.mjs" >/dev/null || [ -f "$directory/package.json" ] || return 0
    need_node
    [ -f "$directory/package.json" ] || return 0
    stamp=$directory/node_modules/.millrace
    sum=$(cat "$directory"/package*.json | cksum)
    [ "$(cat "$stamp" 2>/dev/null)" != "$sum" ] || return 0
    if [ -f "$directory/package-lock.json" ]; then
        with_progress "$BUILD/npm.log" "fetching the packages of tests/e2e" npm ci --prefix "$directory" --no-audit --no-fund
    else
        with_progress "$BUILD/npm.log" "fetching the packages of tests/e2e" npm install --prefix "$directory" --no-audit --no-fund
    fi
    printf '%s\n' "$sum" >"$stamp"
}

# Options of a build type.
build_options() {
    case $1 in
        release) echo "--buildtype=release -Doptimization=2 -Ddebug=true" ;;
        debug) echo "--buildtype=debug -Doptimization=1 -Db_sanitize=address,undefined -Daudit=true" ;;
        fuzz) echo "--buildtype=debug -Doptimization=1 -Db_sanitize=address,undefined -Db_lundef=false -Daudit=true -Dfuzz=true" ;;
        tsan) echo "--buildtype=debug -Doptimization=1 -Db_sanitize=thread -Daudit=true" ;;
        *) die "no such build type: $1" ;;
    esac
}

# Run by build(), alone in its build directory.
build_alone() {
    local type=$1 directory=$BUILD/$1
    shift
    if [ ! -f "$directory/build.ninja" ]; then
        [ "$type" != fuzz ] || local -x CC=clang CXX=clang++
        # shellcheck disable=SC2046
        meson setup "$directory" $(build_options "$type") || return
    fi
    ninja -C "$directory" "$@"
}

# build release|debug|tsan|fuzz [TARGET…]: one at a time in a directory, however many people are here.
build() {
    local type=$1
    mkdir -p "$BUILD"
    exec 9>"$BUILD/.$type.lock"
    flock 9
    with_progress "$BUILD/$type.log" "building $type" build_alone "$@" 9>&-
    exec 9>&-
}
