#!/usr/bin/env python3
"""What a server still has of the messages it acknowledged, after SIGKILL: one script for every server.

A sender sends messages with stream management (XEP-0198) and waits until the server's `h` has acknowledged all of them.
Then the server is killed, started again on the same data, and the recipient signs in. Counted are messages that are
missing or doubled in what is delivered, and, apart from that, in the recipient's archive (XEP-0313).

    killtest.py --servers hanse,prosody,ejabberd,ejabberd-sqlite --hanse target/release/hanse [--json]
"""

import argparse
import collections
import json
import sys
import tempfile
import time

import raw
import servers

CASES = {
    "offline": "recipient offline; kill at once",
    "offline-10s": "recipient offline; kill 10 s after the acknowledgement",
    "control": "recipient offline; no kill",
    "silent": "recipient signed in with stream management, silent; kill at once",
}


def message(to, number, run):
    """One chat message; its number is its identity."""
    return (
        f"<message to='{to}' type='chat' id='{run}-{number}'><body>{run} {number}</body>"
        f"<origin-id xmlns='urn:xmpp:sid:0' id='{run}-{number}'/><request xmlns='urn:xmpp:receipts'/></message>"
    )


def numbers(messages, run):
    """Numbers of this run's messages, in the order they came. What a server returns as not delivered is none."""
    found = []
    for one in messages:
        if one is not None and one.get("type") == "error":
            continue
        body = one.findtext(raw.CLIENT + "body") if one is not None else None
        if body and body.startswith(f"{run} "):
            found.append(int(body.split()[1]))
    return found


def verdict(found, sent):
    """Missing, doubled, and pairs out of order, against 0..sent."""
    counts = collections.Counter(found)
    return {
        "lost": sum(1 for number in range(sent) if number not in counts),
        "duplicated": sum(count - 1 for count in counts.values()),
        "inversions": sum(1 for before, after in zip(found, found[1:]) if after < before),
    }


def collect(stream, sent, run, quiet):
    """Messages as they are delivered, until all are there and a short silence shows no doubles, or nothing comes for `quiet` seconds."""
    found, deadline = [], quiet
    while True:
        try:
            element = stream.next(timeout=deadline)
        except (TimeoutError, raw.Closed):
            return found
        if element.tag == raw.CLIENT + "message":
            found += numbers([element], run)
        if len(set(found)) >= sent:
            deadline = min(quiet, 1.0)


def one_case(server, case, count, run):
    """One case on a running server: the row of the table."""
    sender, recipient = f"s{run}", f"r{run}"
    server.add(sender, recipient)
    # Mnesia keeps what is fresh in memory; accounts are not what is tested.
    if server.name == "ejabberd":
        server.stop()
        server.start()
    silent = raw.session(server, recipient, "phone", sm=True) if case == "silent" else None
    if silent is None:
        # An account that was never used may be treated apart.
        raw.session(server, recipient, "phone").close()
        time.sleep(0.2)
    source = raw.session(server, sender, "pc", available=False, sm=True)
    started = time.monotonic()
    for number in range(count):
        source.write(message(server.jid(recipient), number, run))
    acknowledged = source.acknowledged(count)
    took = time.monotonic() - started
    if case == "offline-10s":
        time.sleep(10)
    if case == "control":
        source.close()
    else:
        server.kill()
        server.start()
    resumed = None
    if silent is not None:
        back = raw.Stream(server.client_address(), server.domain)
        back.login(recipient, server.password(recipient))
        resumed = back.resume(silent.sm_id, silent.sm_handled) is not None
        if not resumed:
            back.bind("phone")
            back.write("<presence/>")
    else:
        back = raw.session(server, recipient, "phone")
    delivered = collect(back, count, run, 8.0)
    archive = raw.session(server, recipient, "archive", available=False)
    stored = numbers([one for _, one in archive.archive()], run)
    return {
        "server": server.version(),
        "case": case,
        "sent": count,
        "acknowledged": acknowledged,
        "seconds": round(took, 3),
        "resumed": resumed,
        "delivered": verdict(delivered, count),
        "archive": verdict(stored, count),
    }


def table(rows):
    """The rows as Markdown."""
    lines = [
        "| case | server | acknowledged | lost on delivery | doubled | out of order | lost in the archive | doubled | resumed |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        resumed = {True: "yes", False: "no", None: "-"}[row["resumed"]]
        lines.append(
            f"| {CASES[row['case']]} | {row['label']} | {row['acknowledged']} of {row['sent']} | {row['delivered']['lost']}"
            f" | {row['delivered']['duplicated']} | {row['delivered']['inversions']} | {row['archive']['lost']}"
            f" | {row['archive']['duplicated']} | {resumed} |"
        )
    return "\n".join(lines)


LABELS = {"ejabberd": " (Mnesia)", "ejabberd-sqlite": " (SQLite)", "prosody": " (files)"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--servers", default="hanse,prosody,ejabberd,ejabberd-sqlite")
    parser.add_argument("--hanse", help="our binary")
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rows = []
    for case in arguments.cases.split(","):
        for name in arguments.servers.split(","):
            for repetition in range(arguments.repeat):
                with tempfile.TemporaryDirectory(prefix="killtest-") as folder:
                    with servers.make(name, folder, binary=arguments.hanse) as server:
                        row = one_case(server, case, arguments.count, f"k{repetition}")
                row["label"] = row["server"] + LABELS.get(name, "")
                rows.append(row)
                print(f"{case} {name}: {json.dumps(row)}", file=sys.stderr)
    print(json.dumps(rows) if arguments.json else table(rows))


if __name__ == "__main__":
    main()
