#!/usr/bin/env python3
"""Hanse, Prosody and ejabberd under the same load, in one run; prints every figure of every round as one JSON object.

    measure.py --load target/release/iris-load --hanse target/release/hanse [--rounds 3] [--idle 1000,2000] [--only CASE,...]

The servers are started from nothing by `tools/xmpp/servers.py`, each in a folder of its own; progress goes to standard error.
"""

import argparse
import concurrent.futures
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools" / "xmpp"))

import servers  # noqa: E402

SERVERS = ("hanse", "prosody", "ejabberd")
ACCOUNTS = 100
MANY_ACCOUNTS = 200
# What Prosody and ejabberd can carry with an archive, and without one.
EASY, MODEST, FAST = 500, 2_000, 5_000
MESSAGES_AWAY = 1_000

# Name, unit, whether more is better, arguments of the generator, who takes part, and whether the archive is on.
CASES = [
    ("closed", "50 pairs, 4 in flight each, archived", "messages/s", "rate", SERVERS, True, ["--case", "closed"]),
    ("deep", "50 pairs, 16 in flight each, archived", "messages/s", "rate", ("hanse",), True, ["--case", "closed", "--in-flight", "16"]),
    ("open", f"{EASY}/s, archived: p99", "ms", "p99_ms", SERVERS, True, ["--case", "open", "--rate", str(EASY)]),
    ("fast", f"{FAST}/s, archived: p99", "ms", "p99_ms", ("hanse",), True, ["--case", "open", "--rate", str(FAST)]),
    ("store", f"{MESSAGES_AWAY} messages for somebody away, until acknowledged", "messages/s", "store_rate", SERVERS, True,
     ["--case", "offline", "--messages", str(MESSAGES_AWAY)]),
    ("drain", "their delivery on return, sign-in included", "messages/s", "drain_rate", SERVERS, True, None),
    ("sha1", "sign-ins, SCRAM-SHA-1, TLS", "sign-ins/s", "rate", SERVERS, True, ["--case", "logins", "--pairs", "32"]),
    ("sha256", "sign-ins, SCRAM-SHA-256, TLS", "sign-ins/s", "rate", ("hanse",), True,
     ["--case", "logins", "--pairs", "32", "--scram", "sha256"]),
    ("unstored", "50 pairs, 4 in flight each, not archived", "messages/s", "rate", SERVERS, False, ["--case", "closed", "--no-store"]),
    ("modest", f"{MODEST}/s, not archived: p99", "ms", "p99_ms", SERVERS, False,
     ["--case", "open", "--no-store", "--rate", str(MODEST)]),
]


def say(text):
    """Progress, for whoever waits."""
    print(f"iris: {text}", file=sys.stderr, flush=True)


def started(name, folder, hanse, archive, accounts, extra=()):
    """A running server with accounts."""
    server = servers.make(name, folder, binary=hanse, options={"archive": archive})
    server.start()
    names = [f"u{number}" for number in range(accounts)] + list(extra)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(server.add, names))
    return server


def generate(load, server, arguments):
    """One run of the generator."""
    host, port = server.client_address("direct")
    command = [
        load, "--address", f"{host}:{port}", "--domain", server.domain, "--ca", str(server.authority.ca),
        "--pid", str(server.pid()), *arguments,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    if done.returncode:
        raise RuntimeError(f"{server.name}: {done.stderr or 'the generator failed'}")
    return json.loads(done.stdout)


def rounds_of(cases, running, options):
    """Every case in turn: a round of ours, a round of each other's, and again."""
    rows = []
    for name, case, unit, figure, who, _, arguments in cases:
        runs = {}
        for number in range(options.rounds):
            for server in who:
                if arguments is None:
                    # Measured together with the case before it.
                    runs.setdefault(server, []).append(rows[-1]["runs"][server][number])
                    continue
                extra = ["--away", f"away{number}"] if name == "store" else ["--seconds", str(options.seconds)]
                run = generate(options.load, running[server], arguments + extra)
                say(f"{case}, {server}: {run[figure]:.4g} {unit}, other CPU {100 * run['other_cpu']:.0f} %")
                runs.setdefault(server, []).append(run)
        rows.append({"name": name, "case": case, "unit": unit, "figure": figure, "runs": runs})
    return rows


def group(archive, chosen, folder, options):
    """The cases with, or without, an archive. All servers run; only one is under load."""
    cases = [case for case in CASES if case[5] == archive and case[0] in chosen]
    if not cases:
        return []
    names = [name for name in SERVERS if any(name in case[4] for case in cases)]
    running = {}
    try:
        for name in names:
            say(f"starting {name}")
            away = [f"away{number}" for number in range(options.rounds)]
            place = Path(folder) / f"{name}-{'archive' if archive else 'plain'}"
            running[name] = started(name, place, options.hanse, archive, ACCOUNTS, away)
        return rounds_of(cases, running, options)
    finally:
        for server in running.values():
            server.kill()


def idle(folder, options):
    """Memory of each server alone, fresh."""
    runs = {}
    for name in SERVERS:
        say(f"idle sessions, {name}")
        server = started(name, Path(folder) / f"{name}-idle", options.hanse, True, MANY_ACCOUNTS)
        try:
            runs[name] = generate(options.load, server, [
                "--case", "idle", "--idle", options.idle, "--accounts", str(MANY_ACCOUNTS),
            ])
        finally:
            server.kill()
        say(f"idle sessions, {name}: " + ", ".join(f"{it['sessions']}: {it['bytes'] / 1e3:.1f} kB" for it in runs[name]["idle"]))
    rows = []
    for place, count in enumerate(options.idle.split(",")):
        picked = {
            name: [{"kilobytes": run["idle"][place]["bytes"] / 1e3, "other_cpu": run["other_cpu"]}] for name, run in runs.items()
        }
        rows.append({"name": f"idle-{count}", "case": f"memory for each of {count} idle sessions with TLS", "unit": "kB",
                     "figure": "kilobytes", "runs": picked})
    return rows


def main():
    """Measures, and prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--load", required=True)
    parser.add_argument("--hanse", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--idle", default=os.environ.get("BENCH_IRIS_IDLE", "1000,2000"))
    parser.add_argument("--work", default=None)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    missing = [why for why in map(servers.missing, SERVERS) if why]
    if missing:
        sys.exit("; ".join(missing))
    chosen = set(options.only.split(",")) if options.only else {case[0] for case in CASES} | {"idle"}
    began = time.monotonic()
    with tempfile.TemporaryDirectory(dir=options.work, ignore_cleanup_errors=True) as folder:
        rows = group(True, chosen, folder, options) + group(False, chosen, folder, options)
        if "idle" in chosen:
            rows += idle(folder, options)
        versions = [
            servers.make(name, Path(folder) / f"{name}-version", binary=options.hanse).version() for name in SERVERS
        ]
    say(f"took {time.monotonic() - began:.0f} s")
    print(json.dumps({"servers": dict(zip(SERVERS, versions)), "rows": rows}))


if __name__ == "__main__":
    main()
