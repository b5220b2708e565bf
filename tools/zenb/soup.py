#!/usr/bin/env python3
"""Writes docs/zenb/soup.md, the software of others that zenb is built from, out of `cargo tree`. `--check` only compares.

Fails where a crate has no reason here, or a reason has no crate any more.
"""
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/zenb/soup.md"
# What it does in zenb, and what would go wrong if it erred.
REASONS = {
    "libm": "sine, cosine, arctangent and root with the same bits on every machine; pinned by `=`, an update is a new numeric version",
    "serde": "the JSON forms of openings, inputs and decisions; an error would be a refused or misread record, which replay names",
    "serde_core": "the traits of serde",
    "sha2": "the digest of the state; an error shows in the golden digests and in every other machine's",
    "digest": "the interface of sha2",
    "block-buffer": "cuts what is digested into blocks, for sha2",
    "crypto-common": "types of sha2's interface",
    "hybrid-array": "the arrays in which sha2 holds blocks",
    "typenum": "numbers as types, for hybrid-array; nothing of it runs",
    "cfg-if": "chooses sha2's code by the machine, at compile time",
    "cpufeatures": "lets sha2 use the processor's SHA instructions; both ways give the same digest",
    "thiserror": "texts of errors",
}
BUILD = {
    "serde_derive": "writes serde's code",
    "thiserror-impl": "writes thiserror's code",
    "proc-macro2": "for the two above",
    "quote": "for the two above",
    "syn": "for the two above",
    "unicode-ident": "for the two above",
}
HEAD = """# Software of others in zenb

Written by `tools/zenb/soup.py` from `cargo tree -p zenb -e normal`; `make lint` fails when it is not current. Versions are those of
`Cargo.lock`. `make deny` compares licences with those that [deny.toml](../../deny.toml) allows, and, with `ADVISORIES=1`
where the advisory database can be reached, every crate with known anomalies. `no_std`: the core asks nothing of an operating system but memory.

"""


def crates():
    command = ["cargo", "tree", "--locked", "-p", "zenb", "-e", "normal", "--prefix", "none", "--format", "{p}|{l}"]
    lines = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    found = {}
    for line in lines:
        name, version, rest = re.match(r"(\S+) v(\S+)(.*)", line).groups()
        if name != "zenb":
            found[name] = (version.split("|")[0], line.split("|")[-1].replace(" (*)", ""))
    return found


def table(title, reasons, found):
    rows = [f"| {name} | {found[name][0]} | {found[name][1]} | {why} |" for name, why in reasons.items()]
    return [f"## {title}: {len(reasons)}", "", "| crate | version | licence | why |", "|---|---|---|---|", *rows, ""]


def main():
    found = crates()
    known = set(REASONS) | set(BUILD)
    for name in sorted(set(found) ^ known):
        print(f"{name}: {'no reason in tools/zenb/soup.py' if name in found else 'a reason, but zenb does not use it'}", file=sys.stderr)
    if set(found) != known:
        return 1
    lines = table("In the program", REASONS, found) + table("Only while it is built", BUILD, found)
    page = HEAD + "\n".join(lines)
    if "--check" in sys.argv:
        current = PAGE.exists() and PAGE.read_text() == page
        print("docs/zenb/soup.md is current" if current else "docs/zenb/soup.md is not current: run tools/zenb/soup.py")
        return 0 if current else 1
    PAGE.write_text(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
