#!/usr/bin/env bash
# Holds a running node against its own OpenAPI document with Schemathesis: every role, valid and invalid requests, no undocumented
# status, no server error. Arguments go to tools/contract/run.py (see --help).
set -euo pipefail
root="$(cd "$(dirname "$0")/.." && pwd)"
here="$root/tools/contract"
work="${CONTRACT_WORK:-$root/target/contract}"
hanse="${HANSE:-${CARGO_TARGET_DIR:-$root/target}/release/hanse}"
[ -x "$hanse" ] || { echo "contract: $hanse is not built; run make build" >&2; exit 3; }

stamp="$(sha256sum "$here/requirements.txt")"
if [ "$(cat "$work/stamp" 2>/dev/null)" != "$stamp" ]; then
    mkdir -p "$work"
    python3 -m venv --clear "$work/venv"
    "$work/venv/bin/python" -m pip install --quiet --no-deps --requirement "$here/requirements.txt"
    printf '%s\n' "$stamp" >"$work/stamp"
fi
exec "$work/venv/bin/python" "$here/run.py" --hanse "$hanse" --work "$work" "$@"
