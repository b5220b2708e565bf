#!/usr/bin/env bash
# Generates the Kotlin, Swift and Python bindings of zenb-ffi into target/bindings; compiles the Kotlin one and runs a session through
# it and through the Python one, which must end in the same digest. Kotlin's compiler comes from Maven Central, so this needs a JDK and
# mvn. Swift is compiled where a swiftc is installed (Debian has none). Takes minutes the first time: not part of `make test`.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
target=${CARGO_TARGET_DIR:-target}
out=$root/target/bindings
library=$target/release/libzenb_ffi.so
bindgen=(cargo run --quiet --locked --release -p zenb-ffi --features bindgen --bin uniffi-bindgen --)

cargo build --locked --release -p zenb-ffi --features bindgen
rm -rf "$out"
for language in kotlin swift python; do
    "${bindgen[@]}" generate --no-format --language "$language" --out-dir "$out/$language" "$library"
done
cp "$library" "$out/python/"
cp "$library" "$out/kotlin/"
(cd "$out" && find . -type f | sort)

PYTHONPATH=$out/python python3 tools/zenb/uniffi_session.py | tee "$out/python.said"
if command -v mvn >/dev/null; then
    mvn=(mvn --batch-mode --quiet -f "$root/tools/zenb/kotlin")
    # The snippet of docs/zenb/embed.md, as it stands there, is compiled and run with the rest.
    mkdir "$out/kotlin/uniffi/snippet"
    tools/zenb/snippet.sh kotlin >"$out/kotlin/uniffi/snippet/Embed.kt"
    tools/zenb/snippet.sh json >"$out/kotlin/session.jsonl"
    "${mvn[@]}" compile exec:java | tee "$out/kotlin.said"
    (cd "$out/kotlin" && "${mvn[@]}" exec:java -Dexec.mainClass=EmbedKt)
    digest() { grep -o '[0-9a-f]\{64\}' "$1"; }
    [ "$(digest "$out/python.said")" = "$(digest "$out/kotlin.said")" ] || { echo "Kotlin and Python differ" >&2; exit 1; }
else
    echo "SKIPPED kotlin: needs mvn and a JDK" >&2
fi
if command -v swiftc >/dev/null; then
    (cd "$out/swift" && swiftc -emit-module -module-name zenb_ffi -Xcc -fmodule-map-file=zenb_ffiFFI.modulemap zenb_ffi.swift)
    echo "swift: compiled by $(swiftc --version 2>&1 | head -1)"
else
    echo "SKIPPED swift: needs swiftc" >&2
fi
