#!/usr/bin/env bash
# Moves the debug information of a program into PROGRAM.debug beside it, and leaves a link to it. A backtrace has names and lines
# while that file is there. Does nothing to a program that has none.
set -euo pipefail
program=$1
readelf --section-headers --wide "$program" | grep -q ' \.debug_info ' || exit 0
folder=$(cd "$(dirname "$program")" && pwd)
name=$(basename "$program")
work=$(mktemp -d "$folder/split.XXXXXX")
trap 'rm -rf "$work"' EXIT
objcopy --only-keep-debug --compress-debug-sections=zlib "$program" "$work/$name.debug"
(cd "$work" && objcopy --strip-all --add-gnu-debuglink="$name.debug" "$folder/$name" "$name")
mv "$work/$name.debug" "$folder/$name.debug"
# Into the same file: Cargo has a second name for it, and would bring the large one back.
cat "$work/$name" >"$program"
