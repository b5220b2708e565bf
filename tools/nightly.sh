#!/usr/bin/env bash
# What is too long for every run, in parts of at most 30 minutes. Without arguments all of them, one after another; parts as arguments
# run only those; `list` names them. Each part writes docs/evidence/PART.md: when, which commit, on what, the command, what it said.
set -uo pipefail
cd "$(dirname "$0")/.."
export CARGO=${CARGO:-cargo} HANSE_JUDGES=${HANSE_JUDGES:-$PWD/target/judges}
minutes_max=30
limit=(--kill-after 30s)
[ ! -t 0 ] || limit+=(--foreground)
target=${CARGO_TARGET_DIR:-target}
python=$HANSE_JUDGES/venv/bin/python
# The same packages at once as tools/test.py, so that nothing is compiled again.
test="$CARGO test --locked --profile ci"
node="$test --workspace --exclude journal --exclude journal-sqlite --exclude iris-server --exclude zenb"
engines="$test -p journal -p journal-sqlite -p iris-server -p zenb"
binary="tools/test.py build && "
hanse="--hanse $target/ci/hanse"

# name | what it shows | command
parts() {
    cat <<PARTS
kills-journal | nothing acknowledged is lost or doubled: 1,000 SIGKILLs of a process that writes a journal | HANSE_KILLS=1000 $engines --test kill9
kills-node | nothing acknowledged is lost or doubled: 1,000 SIGKILLs of a node under load | HANSE_KILLS=1000 $node --test it -- nothing_acknowledged_is_lost_or_doubled
kills-messenger | what a careful client sent arrives once and in order: 300 SIGKILLs in mid-burst | HANSE_KILL_SEEDS=$(seq -s, 100) $node --test it -- a_burst_that_is_killed
kills-rivals | what servers still have of acknowledged messages after SIGKILL: our node, Prosody and ejabberd | $binary $python tools/xmpp/killtest.py --servers hanse,prosody,ejabberd,ejabberd-sqlite $hanse
clients | what stock clients expect of a server, from our node, Prosody and ejabberd | $binary $python tools/xmpp/checks.py --servers hanse,prosody,ejabberd $hanse
interleavings | every command beside every other one, 200 orders of reads and commits for each pair that meets | HANSE_SCHEDULES=200 $node --test it -- interleavings
seeds-journal | the journal keeps its promises on a simulated disk that fails: 20,000 seeds | JOURNAL_SEEDS=20000 $engines --test it -- no_seed_breaks_a_promise
seeds-messenger | the messenger under faults that are drawn: 100 seeds of each test | IRIS_SEEDS=100 $engines --test it -- faults model
sessions | 100,000 fuzzed sessions of breath guidance, none led on stale data | $engines --test it -- --ignored --nocapture a_hundred_thousand
load-breath | breath guidance under load: 100 inputs a second for an hour, 24 hours with flat memory, a flood, 100 people at once | HANSE_LOAD=full $node --test it -- --nocapture breathe_load
ignored | the other tests that are marked as ignored | $engines --no-fail-fast --test it -- --ignored --skip a_hundred_thousand
assessments | 10,000 assessments of breath guidance with artefacts, gaps, doubled and late packets, none with a wrong rate | ZENB_ASSESSMENTS=10000 $engines --test it -- --nocapture no_assessment_gives_a_wrong_rate
mutations | every breakage planted in the journal's rules and the guards of breath guidance is noticed | $engines --test it -- --nocapture every_planted_bug
fuzz | every parser fuzzed for 100 seconds from its seeds | SECONDS_EACH=100 tools/fuzz.sh
contract | a running node against its own OpenAPI document, with eight times the cases of CI | $binary HANSE=$target/ci/hanse tools/contract.sh --examples 200 --role-seconds-max 240
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
    CARGO_TERM_COLOR=never timeout "${limit[@]}" ${minutes_max}m bash -o pipefail -c "$command" 2>&1 | tee "$log" | grep -vE '^ +(Compiling|Downloaded|Downloading) '
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
        grep -vE '^ +(Compiling|Downloaded|Downloading|Updating|Locking|Adding|Finished|Running) |^$|^running 0 tests|ok\. 0 passed; 0 failed' "$log" | sed "s|$PWD/||g" | tail -60 | cut -c1-400
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
