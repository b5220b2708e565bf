#!/usr/bin/env bash
# The release build from nothing, in a folder of its own: how long it takes, how large it is, and whether the demo runs.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR=$PWD/target/release-check
rm -rf "$CARGO_TARGET_DIR"
SECONDS=0
make demo
echo "make demo from nothing: $SECONDS s"
bytes=$(stat -c %s "$CARGO_TARGET_DIR/release/hanse")
echo "hanse: $bytes bytes"
rm -rf "$CARGO_TARGET_DIR"
[ "$bytes" -le 40000000 ]
