#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The commands that people type are there and say what they do. What they do is tried by hand: they install packages.

set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
status=0

# expect NAME COMMAND…
expect() {
    local name=$1 said
    shift
    if said=$("$@" 2>&1); then
        echo "ok $name"
    else
        echo "failed $name: $* ended with status $?: ${said//$'\n'/ }"
        status=1
    fi
}

# says COMMAND… -- TEXT…: it ends well, and each text is in what it says.
says() {
    local command=() said text
    while [ "$1" != -- ]; do
        command+=("$1")
        shift
    done
    shift
    said=$(timeout 20 "${command[@]}" </dev/null) || return
    for text; do
        [[ $said == *"$text"* ]] || { echo "no $text in: $said"; return 1; }
    done
}

# refuses STATUS COMMAND…
refuses() {
    local want=$1 got=0
    shift
    timeout 20 "$@" </dev/null >/dev/null 2>&1 || got=$?
    [ $got -eq "$want" ] || { echo "want exit status $want, got $got"; return 1; }
}

for tool in tools/run tools/test tools/dev .ci/run; do
    expect "$tool is there to be run" test -x "$tool"
done
expect "tools run says what it does" says tools/run --help -- ./tools/run --no-produce --data Ctrl-C
expect "tools test says what it does" says tools/test --help -- ./tools/test "N passed, N failed"
expect "tools dev says what it does" says tools/dev --help -- build test sim fmt lint bench run gdb
expect "tools run refuses what it does not know" refuses 2 tools/run --nonsense
expect "tools test refuses what it does not know" refuses 2 tools/test --nonsense
expect "ci runs the tests" says .ci/run --help -- ./tools/test
exit $status
