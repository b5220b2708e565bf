#!/usr/bin/env bash
# What is too long for every run, in parts of at most 30 minutes. Without arguments all of them, one after another; parts as arguments
# run only those; `list` names them. Each part writes docs/evidence/PART.md: when, which commit, on what, the command, what it said.
set -uo pipefail
cd "$(dirname "$0")/.."
export CARGO=${CARGO:-cargo} HANSE_JUDGES=${HANSE_JUDGES:-$PWD/target/judges}
minutes_max=30
ci=${CARGO_TARGET_DIR:-target}/ci
python=$HANSE_JUDGES/venv/bin/python
test="$CARGO test --locked --profile ci"
node="$CARGO build --locked --quiet --profile ci -p hanse &&"

# name | what it shows | command
parts() {
    cat <<PARTS
kills-journal | nothing acknowledged is lost or doubled: 1,000 SIGKILLs of a process that writes a journal | HANSE_KILLS=1000 $test -p journal-sqlite --test kill9
kills-node | nothing acknowledged is lost or doubled: 1,000 SIGKILLs of a node under load | HANSE_KILLS=1000 $test -p hanse --test it -- nothing_acknowledged_is_lost_or_doubled
kills-messenger | what a careful client sent arrives once and in order: 1,000 SIGKILLs in mid-burst | $node $python tools/xmpp/killburst.py --seeds $(seq -s, 100) --kills 10 --hanse $ci/hanse
kills-rivals | the same kills on our node, Prosody and ejabberd | $node $python tools/xmpp/killtest.py --servers hanse,prosody,ejabberd,ejabberd-sqlite --hanse $ci/hanse
clients | what stock clients expect of a server, from our node, Prosody and ejabberd | $node $python tools/xmpp/checks.py --servers hanse,prosody,ejabberd --hanse $ci/hanse
seeds-journal | the journal keeps its promises on a simulated disk that fails: 20,000 seeds | JOURNAL_SEEDS=20000 $test -p journal --test it -- sim
seeds-messenger | the messenger's faults and invariants: 100 seeds of each test that draws | IRIS_SEEDS=100 $test -p iris-server --test it
sessions | 100,000 fuzzed sessions of breath guidance, none led on stale data | $test -p zenb --test it -- --ignored --nocapture a_hundred_thousand
ignored | the other tests that are marked as ignored | $test --no-fail-fast -p iris-server --test it -- --ignored
mutations | every breakage planted in the journal's rules and the guards of breath guidance is noticed | $test -p journal -p zenb --test it -- --nocapture planted mutations
fuzz | every parser fuzzed for 100 seconds from its seeds | SECONDS_EACH=100 tools/fuzz.sh
contract | a running node against its own OpenAPI document: 200 cases of each operation, role and phase | $node HANSE=$ci/hanse tools/contract.sh --examples 200 --role-seconds-max 240
foreign | the same digests on x86-64, wasm32 and aarch64 | tools/zenb/foreign.sh
browser | a node's session, recomputed by the engine's module in node and in Chromium | tools/browser/wasm.sh
bindings | one session through the Kotlin and the Python bindings, with one digest | tools/bindings.sh
release | from nothing: the release build, its size, and the demo | tools/release.sh
bench | how fast, beside whom: bench/results.json | bench/run.sh
PARTS
}

# The table's row of a part.
row() { parts | grep -E "^$1 \|"; }
field() { cut -d'|' -f"$2" <<<"$1" | sed 's/^ *//; s/ *$//'; }

run() {
    local line name=$1 shows command log began code=0 said
    line=$(row "$name") || { echo "nightly: there is no part $name; \`tools/nightly.sh list\` names them" >&2; return 2; }
    shows=$(field "$line" 2)
    command=$(cut -d'|' -f3- <<<"$line" | sed 's/^ *//')
    log=target/nightly/$name.log
    mkdir -p target/nightly docs/evidence
    echo "== $name: $shows"
    began=$SECONDS
    CARGO_TERM_COLOR=never timeout --foreground ${minutes_max}m bash -o pipefail -c "$command" 2>&1 | tee "$log" | grep -vE '^ +(Compiling|Downloaded|Downloading) '
    code=${PIPESTATUS[0]}
    case $code in 0) said=passed ;; 124) said="not done after $minutes_max minutes" ;; *) said="failed ($code)" ;; esac
    {
        echo "# ${shows^}"
        echo
        echo "$(date -u +%Y-%m-%d), commit $(git rev-parse --short=10 HEAD)$([ -z "$(git status --porcelain -- crates fuzz tools Cargo.lock)" ] || echo ' and changes'): **$said**, $((SECONDS - began)) s on $(nproc) cores of $(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -1), load $(cut -d' ' -f1 /proc/loadavg) at the end."
        echo
        echo "\`tools/nightly.sh $name\` runs \`${command//$PWD\//}\` and said:"
        echo
        echo '```'
        grep -vE '^ +(Compiling|Downloaded|Downloading|Updating|Locking|Adding|Finished|Running) |^$' "$log" | sed "s|$PWD/||g" | tail -30 | cut -c1-400
        echo '```'
    } >"docs/evidence/$name.md"
    echo "== $name: $said after $((SECONDS - began)) s; see docs/evidence/$name.md"
    return "$code"
}

wanted=("$@")
if [ "${wanted[*]}" = list ]; then
    parts | while read -r line; do printf '%-16s %s\n' "$(field "$line" 1)" "$(field "$line" 2)"; done
    exit 0
fi
[ "${#wanted[@]}" -gt 0 ] || mapfile -t wanted < <(parts | cut -d' ' -f1)
passed=0 failed=()
for name in "${wanted[@]}"; do
    if run "$name"; then passed=$((passed + 1)); else failed+=("$name"); fi
done
[ "${#failed[@]}" -eq 0 ] || echo "failed: ${failed[*]}"
echo "$passed passed, ${#failed[@]} failed"
[ "${#failed[@]}" -eq 0 ]
