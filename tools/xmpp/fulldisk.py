#!/usr/bin/env python3
"""A disk that is really full, and gets room again: what was acknowledged is there once, and the node says so until it goes on.

The node lives on a small file system in memory, which takes root to mount. The sender sends before, while and after a file fills it;
recipient and sender resume as careful clients do. While it is full, readiness, metrics and `hanse doctor` are asked.

    fulldisk.py --hanse target/release/hanse
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import raw
import servers
from killburst import Recipient, Sender
from killtest import numbers, verdict

PART = 100
PATIENCE = 120


class SmallDisk:
    """A file system of `size` in memory, and the file that fills it."""

    def __init__(self, path, size):
        self.path, self.ballast = Path(path), Path(path) / "ballast"
        self.path.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(self.path)], check=True)

    def fill(self):
        """Nobody can write anything more."""
        with open(self.ballast, "ab", buffering=0) as file:
            for chunk in (1 << 20, 4096, 1):
                try:
                    while True:
                        file.write(b"\0" * chunk)
                except OSError:
                    pass

    def free(self):
        """As before."""
        self.ballast.unlink()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["umount", "-l", str(self.path)], check=False)


def get(url):
    """Status and text at an address, whatever the status."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def surfaces(server):
    """What the node says of the messenger, at each place where somebody may look."""
    status, text = get(f"{server.url}/health/readiness")
    checks = {check["name"]: check for check in json.loads(text)["checks"]}
    _, metrics = get(f"http://{server.address}:{server.metrics_port}/metrics")
    halted = [line.split()[1] for line in metrics.splitlines() if line.startswith("hanse_iris_halted ")]
    doctor = subprocess.run(
        [server.binary, "--json", "--data", str(server.data), "--url", server.url, "doctor"],
        capture_output=True, text=True, check=False,
    )
    said = [row["seen"] for row in json.loads(doctor.stdout) if row["check"] == "node" and row["health"] == "fail"]
    return {
        "readiness": status, "messenger": checks["messenger"]["ok"], "halted": halted,
        "doctor": any(line.startswith("messenger: ") for line in said),
    }


def until(what, is_so):
    """Waits until it is so."""
    end = time.monotonic() + PATIENCE
    while not is_so():
        if time.monotonic() > end:
            raise RuntimeError(f"{what} did not come about")
        time.sleep(0.1)


def send_until_it_ends(sender, goal):
    """Sends on, each message with a question, until the node ends the stream; the last count it acknowledged."""
    try:
        while True:
            sender.send(goal := goal + 1)
            sender.settle()
    except (raw.Closed, OSError):
        return sender.sent


def can_add(server, user):
    """Whether the node takes a write over HTTP."""
    try:
        server.add(user)
        return True
    except RuntimeError:
        return False


def come_back(sender):
    """Resumes, when the node lets it."""
    def is_back():
        try:
            sender.come_back()
            return True
        except (raw.Closed, raw.Refused, OSError):
            return False

    until("the sender's return", is_back)


def run(server, disk):
    """The row."""
    server.add("from", "to")
    recipient = Recipient(server, "to", "f")
    recipient.start()
    sender = Sender(server, "from", server.jid("to"), "f")
    sender.send(PART)
    before, pid = sender.settle(), server.pid()
    disk.fill()
    sent = send_until_it_ends(sender, PART)
    acknowledged = sender.safe
    until("a readiness of 503", lambda: get(f"{server.url}/health/readiness")[0] == 503)
    full = surfaces(server)
    full["http_write"] = can_add(server, "during")
    disk.free()
    until("a readiness of 200", lambda: get(f"{server.url}/health/readiness")[0] == 200)
    after = surfaces(server)
    after["http_write"] = can_add(server, "after")
    come_back(sender)
    kept = sender.safe >= acknowledged
    goal = max(sent, sender.sent) + PART
    sender.send(goal)
    settled = sender.settle()
    end = time.monotonic() + 60
    while len(set(recipient.found)) < goal and time.monotonic() < end:
        time.sleep(0.1)
    time.sleep(0.7)
    recipient.ends.set()
    recipient.join(5)
    stored = {}
    for user in ("from", "to"):
        stream = raw.session(server, user, "archive", available=False)
        stored[user] = verdict(numbers([it for _, it in stream.archive()], "f"), goal)
        stream.close()
    return {
        "acknowledged_before": before, "acknowledged_kept": kept, "acknowledged_after": settled, "sent": goal,
        "full": full, "after": after, "same_process": server.pid() == pid and server.alive(),
        "delivered": verdict(recipient.found, goal), "archives": stored,
        "resumed": {"sender": sender.resumed, "recipient": recipient.resumed},
        "fresh": {"sender": sender.fresh, "recipient": recipient.fresh},
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hanse", help="our binary")
    parser.add_argument("--size", default="96m")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fulldisk-", ignore_cleanup_errors=True) as folder:
        with SmallDisk(Path(folder) / "small", arguments.size) as disk:
            with servers.make("hanse", disk.path / "node", binary=arguments.hanse) as server:
                row = run(server, disk)
    print(json.dumps(row))


if __name__ == "__main__":
    sys.exit(main())
