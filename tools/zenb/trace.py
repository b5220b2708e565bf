#!/usr/bin/env python3
"""Traces the requirements of zenb to tests and its hazards to requirements, both ways; fails on an orphan, with its place.

Rules:
1. a row of docs/zenb/requirements.md names at least one test, and each of its tests exists and names the requirement;
2. a test that names a requirement stands in that requirement's row;
3. every test of crates/zenb/tests/it names a requirement;
4. docs/zenb/hazards.md has H1 to H11, each with a requirement and a test that exist, and only known hazards are named.

A test names a requirement in the comment above it, or in the one at the top of its file for all of the file's tests.
"""
import re
import sys
from pathlib import Path

HAZARDS = [f"H{number}" for number in range(1, 12)]
# Folders with tests, and whether every test there must name a requirement.
FOLDERS = {
    "crates/zenb/tests/it": True,
    "crates/zenb/src": False,
    "crates/zenb-ffi/tests/it": False,
    "crates/hanse/tests/it": False,
    "crates/hanse/src/breath": False,
}
REQ = re.compile(r"REQ-\d{3}")
TEST_PATH = re.compile(r"`([\w/]*\w+(?:::\w+)+)`")


class Test:
    def __init__(self, path, place, reqs):
        self.path, self.place, self.reqs = path, place, reqs


def modules(folder, file):
    parts = list(file.relative_to(folder).with_suffix("").parts)
    return [part for part in parts if part not in ("main", "mod", "lib")]


def tests_of(root, folder):
    for file in sorted((root / folder).rglob("*.rs")):
        prefix, whole, above, test = modules(root / folder, file), set(), [], False
        for number, line in enumerate(file.read_text().splitlines(), 1):
            line = line.strip()
            if line.startswith("//!"):
                whole |= set(REQ.findall(line))
            elif line.startswith("//"):
                above.append(line)
            elif line.startswith("#["):
                test = test or re.match(r"#\[(tokio::)?test\b", line) is not None
            elif found := re.match(r"(?:pub(?:\(\w+\))? )?(?:async )?fn (\w+)", line):
                if test:
                    reqs = whole | set(REQ.findall(" ".join(above)))
                    yield Test("::".join([*prefix, found[1]]), f"{file.relative_to(root)}:{number}", reqs)
                above, test = [], False
            else:
                above, test = [], False


def rows(path, key):
    """The table rows that begin with an id of the form `key`: (id, line, cells)."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("|") and re.fullmatch(key, cells[0]):
            yield cells[0], f"{path.name}:{number}", cells


def trace(root):
    wrong, tests, must = [], [], []
    for folder, all_of_them in FOLDERS.items():
        found = list(tests_of(root, folder))
        tests += found
        must += found if all_of_them else []

    def resolve(named, place):
        hits = [test for test in tests if f"::{test.path}".endswith(f"::{named}")]
        if len(hits) != 1:
            wrong.append(f"{place}: {'no test' if not hits else 'more than one test'} is called {named}")
        return hits[0] if len(hits) == 1 else None

    table = {}
    for req, place, cells in rows(root / "docs/zenb/requirements.md", r"REQ-\d{3}"):
        if req in table:
            wrong.append(f"{place}: {req} has a row already")
        named = TEST_PATH.findall(cells[-1])
        if not named:
            wrong.append(f"{place}: {req} names no test")
        table[req] = [test for test in (resolve(name, place) for name in named) if test]
        for test in table[req]:
            if req not in test.reqs:
                wrong.append(f"{test.place}: {test.path} stands in the row of {req} and does not name it")
        for hazard in re.findall(r"\bH\d+\b", cells[2]):
            if hazard not in HAZARDS:
                wrong.append(f"{place}: there is no hazard {hazard}")
    for test in tests:
        for req in sorted(test.reqs):
            if req not in table:
                wrong.append(f"{test.place}: {test.path} names {req}, which has no row")
            elif test not in table[req]:
                wrong.append(f"{test.place}: {test.path} names {req}, whose row does not name it")
    wrong += [f"{test.place}: {test.path} names no requirement" for test in must if not test.reqs]

    hazards = {}
    for hazard, place, cells in rows(root / "docs/zenb/hazards.md", r"H\d+"):
        hazards[hazard] = True
        text = " ".join(cells)
        reqs, named = REQ.findall(text), TEST_PATH.findall(text)
        if not reqs:
            wrong.append(f"{place}: {hazard} names no requirement that controls it")
        if not named:
            wrong.append(f"{place}: {hazard} names no test")
        wrong += [f"{place}: {req} has no row" for req in reqs if req not in table]
        for name in named:
            resolve(name, place)
        if hazard not in HAZARDS:
            wrong.append(f"{place}: {hazard} is not of the list H1 to H11")
    wrong += [f"hazards.md: {hazard} has no row" for hazard in HAZARDS if hazard not in hazards]
    return wrong, len(table), sum(1 for test in tests if test.reqs), len(hazards)


def main():
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[2]
    wrong, reqs, tests, hazards = trace(root)
    for line in wrong:
        print(line, file=sys.stderr)
    print(f"{reqs} requirements, {tests} tests that name one, {hazards} hazards, {len(wrong)} orphans")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
