#!/usr/bin/env bash
# Installs the independent verifiers of the interoperability tests into DIR (default: target/judges).
# Does nothing when DIR already holds exactly this version. Needs node >= 20, npm, and python3 with venv.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
dir="${1:-$here/../../target/judges}"
inputs=(package.json package-lock.json requirements.txt digitalbazaar.mjs fhir_judge.py openvc_judge.py setup.sh)

stamp="$(cd "$here" && sha256sum "${inputs[@]}")"
if [[ -f "$dir/stamp" && "$(cat "$dir/stamp")" == "$stamp" ]]; then
    exit 0
fi
for tool in node npm python3; do
    command -v "$tool" >/dev/null || { echo "setup.sh: $tool is not installed" >&2; exit 3; }
done

mkdir -p "$dir"
rm -f "$dir/stamp"
cp "${inputs[@]/#/$here/}" "$dir/"
echo "judges: installing Digital Bazaar's libraries, openvc-core and FHIR models into $dir"
(cd "$dir" && npm ci --no-audit --no-fund --ignore-scripts --loglevel=error)
python3 -m venv --clear "$dir/venv"
"$dir/venv/bin/python" -m pip install --quiet --no-deps --requirement "$here/requirements.txt"
printf '%s\n' "$stamp" >"$dir/stamp"
