#!/usr/bin/env bash
# Generates the Kotlin, Swift and Python bindings of zenb-ffi into target/bindings, runs a session through the Python one and
# compiles the others with the compilers that are installed: kotlinc (with JNA=path/to/jna.jar, which the Kotlin binding calls the
# library through) and swiftc. Says what it skipped. Takes some minutes the first time, so it is not part of `make test`.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
out=target/bindings
library=$target/release/libzenb_ffi.so
bindgen=(cargo run --quiet --locked --release -p zenb-ffi --features bindgen --bin uniffi-bindgen --)

cargo build --locked --release -p zenb-ffi --features bindgen
rm -rf "$out"
for language in kotlin swift python; do
    "${bindgen[@]}" generate --no-format --language "$language" --out-dir "$out/$language" "$library"
done
cp "$library" "$out/python/"
find "$out" -type f | sort

PYTHONPATH=$out/python python3 tools/zenb/uniffi_session.py

if command -v kotlinc >/dev/null && [ -f "${JNA:-}" ]; then
    kotlinc -cp "$JNA" "$out"/kotlin/uniffi/zenb_ffi/*.kt -d "$out/kotlin/zenb.jar"
    echo "kotlin: compiled by $(kotlinc -version 2>&1)"
else
    echo "SKIPPED kotlin: needs kotlinc and JNA=path/to/jna.jar" >&2
fi
if command -v swiftc >/dev/null; then
    (cd "$out/swift" && swiftc -emit-module -module-name zenb_ffi -Xcc -fmodule-map-file=zenb_ffiFFI.modulemap zenb_ffi.swift)
    echo "swift: compiled by $(swiftc --version 2>&1 | head -1)"
else
    echo "SKIPPED swift: needs swiftc" >&2
fi
