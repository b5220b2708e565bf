#!/usr/bin/env python3
"""Every check against one server or several, side by side: what only one of them passes is suspect, or is news.

    checks.py --servers hanse,prosody,ejabberd --hanse target/release/hanse [--only NAME,NAME] [--json]
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
import traceback

import checks_account
import checks_messages
import checks_rooms
import registry
import servers

MODULES = (checks_messages, checks_account, checks_rooms)


async def run(server, names):
    """Outcome of each check: ok, not offered, or what went wrong."""
    outcomes = {}
    for name in names:
        function, extensions = registry.CHECKS[name]
        started = time.monotonic()
        try:
            async with asyncio.timeout(90):
                found = await function(server)
            outcome = {"ok": True, "found": found}
        except registry.NotOffered as why:
            outcome = {"ok": None, "why": str(why)}
        except Exception as error:  # Whatever a check meets is its outcome.
            place = traceback.extract_tb(error.__traceback__)
            line = next((f"{it.filename.rsplit('/', 1)[-1]}:{it.lineno}" for it in reversed(place) if "/tools/xmpp/" in it.filename), "")
            outcome = {"ok": False, "why": f"{type(error).__name__}: {error} ({line})"}
        outcome.update(seconds=round(time.monotonic() - started, 2), extensions=extensions, alive=server.alive())
        outcomes[name] = outcome
        print(f"{server.name:9} {name}: {json.dumps(outcome)}", file=sys.stderr, flush=True)
        if not server.alive():
            server.start()
    return outcomes


def table(results):
    """One line for each check, one column for each server."""
    sign = {True: "yes", False: "**no**", None: "not offered"}
    lines = ["| check | specification | " + " | ".join(results) + " |", "|---|---|" + "---|" * len(results)]
    for name in next(iter(results.values())):
        extensions = ", ".join(registry.CHECKS[name][1])
        cells = " | ".join(sign[outcomes[name]["ok"]] for outcomes in results.values())
        lines.append(f"| {name.replace('_', ' ')} | {extensions} | {cells} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--servers", default="hanse,prosody,ejabberd")
    parser.add_argument("--hanse", help="our binary")
    parser.add_argument("--only", help="names of checks, or parts of names")
    parser.add_argument("--keep", help="folder to keep the servers' data in")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    wanted = arguments.only.split(",") if arguments.only else [""]
    names = [name for name in registry.CHECKS if any(part in name for part in wanted)]
    results = {}
    for kind in arguments.servers.split(","):
        with tempfile.TemporaryDirectory(prefix="checks-", ignore_cleanup_errors=True) as folder:
            place = f"{arguments.keep}/{kind}" if arguments.keep else folder
            with servers.make(kind, place, binary=arguments.hanse) as server:
                results[server.version()] = asyncio.run(run(server, names))
    print(json.dumps(results) if arguments.json else table(results))


if __name__ == "__main__":
    main()
