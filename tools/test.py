#!/usr/bin/env python3
"""Runs the tests in parts, goes on when one fails, and sums up. The last line is `N passed, N failed, N skipped`.

    tools/test.py          everything that must hold
    tools/test.py quick    cores and their properties
    tools/test.py build    only builds the node as it is tested, target/ci/hanse

What cargo and the tests print is in target/test/PART.log; shown are the targets, what failed, and what was skipped.
"""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / "target/test"
CARGO = os.environ.get("CARGO", "cargo")

# In parts, so that nothing that only tests use is compiled into the node that is tested: the tests of the second part
# switch on features of `journal` and `zenb` (a simulated disk, rules that can be broken on purpose). Cargo unites the features
# of all packages that it is asked for at once. What is heavy is in one part only, so nothing heavy is compiled twice.
ENGINES = ["journal", "journal-sqlite", "iris-server", "zenb"]
CORES = ["evidence", "ids", "iris", "journal", "law", "mez", "sanctions", "zenb"]


def each(flag, crates):
    return [word for crate in crates for word in (flag, crate)]


ALL = {
    "node": ["--workspace", *each("--exclude", ENGINES)],
    "engines": each("-p", ENGINES),
    # The node once more, with decisions that can be committed unguarded: the tests must notice.
    "planted": ["-p", "hanse", "--features", "hanse/planted-bugs"],
}
FILTERS = {"planted": ["--", "unguarded"]}
QUICK = {"cores": each("-p", CORES)}

RESULT = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored;")
FAILED = re.compile(r"^test (\S+)(?: - should panic)? \.\.\. FAILED")
# A target that ended badly without a result of its own: it has no harness, or it crashed.
BROKEN = re.compile(r"rerun pass `(.+)`")
SKIPPED = re.compile(r"SKIPPED (\S+): (.+)")
TARGET = re.compile(r"^\s+(?:Running (?:unittests )?(\S+) \(.*/(\w+?)-[0-9a-f]+\)|Doc-tests (\S+))")
BUILT = re.compile(r"^\s+Finished ")
NOISE = re.compile(r"^\s+(Compiling|Downloaded|Downloading|Updating|Locking|Fresh|Adding) |^test .* \.\.\. (ok|ignored.*)$|^(running \d+ tests?)?$")


class Part:
    """One call of cargo, and what it said."""

    def __init__(self, name, selection):
        self.name = name
        self.command = [CARGO, "test", "--locked", "--profile", "ci", "--tests", *selection, "--no-fail-fast", *FILTERS.get(name, [])]
        self.passed = self.ignored = 0
        self.failed_count = 0
        self.failed, self.skipped = [], {}
        self.built_s, self.failed_before = None, 0

    def run(self):
        started = time.monotonic()
        print(f"== {self.name}: {' '.join(self.command)}", flush=True)
        self.build_examples()
        child = subprocess.Popen(
            self.command, cwd=ROOT, text=True, errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        with (LOGS / f"{self.name}.log").open("w") as log:
            for line in child.stdout:
                log.write(line)
                log.flush()
                self.read(line.rstrip("\n"), time.monotonic() - started)
        code = child.wait()
        self.whole_s = time.monotonic() - started
        if code != 0 and self.failed_count == 0:
            self.fail(f"cargo ended with {code}")

    def build_examples(self):
        """Tests of `zenb-ffi` start its examples as processes, and `--tests` leaves examples out."""
        if self.name == "node":
            build = [CARGO, "build", "--locked", "--profile", "ci", "--quiet", "--example", "record", "--example", "replay"]
            if subprocess.run([*build, *ALL["node"]], cwd=ROOT).returncode != 0:
                self.fail("the examples do not build")

    def read(self, line, at_s):
        if not NOISE.search(line):
            print(line, flush=True)
        if BUILT.match(line):
            self.built_s = self.built_s or at_s
        if found := TARGET.match(line):
            self.target, self.failed_before = found[3] or f"{found[2]} ({found[1]})", self.failed_count
        elif found := RESULT.match(line):
            self.passed += int(found[1])
            self.failed_count += int(found[2])
            self.ignored += int(found[3])
        elif found := FAILED.match(line):
            self.failed.append(f"{self.name}: {found[1]}")
        elif (found := BROKEN.search(line)) and self.failed_count == self.failed_before:
            self.fail(found[1])
        elif found := SKIPPED.search(line):
            self.skipped[found[1]] = found[2]

    def fail(self, what):
        self.failed.append(f"{self.name}: {what}")
        self.failed_count += 1


def main():
    wanted = sys.argv[1:] or ["all"]
    if wanted == ["build"]:
        return subprocess.run([*Part("node", ALL["node"]).command[:-1], "--no-run"], cwd=ROOT).returncode
    if wanted not in (["all"], ["quick"]):
        print(__doc__, file=sys.stderr)
        return 2
    LOGS.mkdir(parents=True, exist_ok=True)
    parts = [Part(*part) for part in (QUICK if wanted == ["quick"] else ALL).items()]
    for part in parts:
        part.run()
    return sum_up(parts)


def sum_up(parts):
    print()
    for part in parts:
        built_s = part.built_s or part.whole_s
        print(f"{part.name:10} compiled in {built_s:5.0f} s, ran {part.whole_s - built_s:5.0f} s, {part.passed} passed, {part.failed_count} failed")
    ignored = sum(part.ignored for part in parts)
    if ignored:
        print(f"{ignored} tests are too long for every run, or belong to another: make nightly runs them")
    skipped = {f"{part.name}: {test}": why for part in parts for test, why in part.skipped.items()}
    for test, why in skipped.items():
        print(f"SKIPPED {test}: {why}")
    for name in (name for part in parts for name in part.failed):
        print(f"FAILED {name}")
    passed = sum(part.passed for part in parts) - len(skipped)
    failed = sum(part.failed_count for part in parts)
    line = f"{passed} passed, {failed} failed, {len(skipped)} skipped"
    (LOGS / "summary").write_text(line + "\n")
    print(line)
    return 1 if failed or passed <= 0 else 0


if __name__ == "__main__":
    sys.exit(main())
