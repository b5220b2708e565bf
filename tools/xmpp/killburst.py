#!/usr/bin/env python3
"""SIGKILL at random points of a burst, again and again, with a seed: what a careful client sent arrives once and in order.

The sender keeps what is not acknowledged, resumes its stream after each kill (XEP-0198), and sends the rest again under the same
origin-ids. The recipient resumes, too. Counted are deliveries to the recipient's device and entries of both archives.

    killburst.py --server hanse --hanse target/release/hanse --seeds 1,2,3 --kills 3
"""

import argparse
import json
import random
import sys
import tempfile
import threading
import time

import raw
import servers
from killtest import message, numbers, verdict


class Recipient(threading.Thread):
    """Signed in, acknowledging as it reads, resuming when cut. `found` is what its device was given, in order."""

    def __init__(self, server, user, run):
        super().__init__(daemon=True)
        self.server, self.user, self.run_name = server, user, run
        self.found, self.resumed, self.fresh = [], 0, 0
        self.enough, self.ends = threading.Event(), threading.Event()
        self.stream = raw.session(server, user, "phone", sm=True)

    def run(self):
        while not self.ends.is_set():
            try:
                element = self.stream.next(timeout=0.5)
            except TimeoutError:
                continue
            except (raw.Closed, OSError, raw.ElementTree.ParseError):
                self.come_back()
                continue
            self.found += numbers([element], self.run_name)
            if len(self.found) % 7 == 0:
                try:
                    self.stream.acknowledge()
                except OSError:
                    self.come_back()

    def come_back(self):
        """Resumes, or signs in anew."""
        while not self.ends.is_set():
            try:
                back = raw.Stream(self.server.client_address(), self.server.domain, timeout=10)
                back.login(self.user, self.server.password(self.user))
                if back.resume(self.stream.sm_id, self.stream.sm_handled) is None:
                    self.fresh += 1
                    back.bind("phone")
                    back.enable()
                    back.write("<presence/>")
                else:
                    self.resumed += 1
                self.stream = back
                return
            except (OSError, raw.Closed, raw.Refused):
                time.sleep(0.1)


class Sender:
    """Numbers its messages, keeps what is not acknowledged, and repeats it after a cut."""

    def __init__(self, server, user, to, run):
        self.server, self.user, self.to, self.run_name = server, user, to, run
        self.stream = raw.session(server, user, "pc", available=False, sm=True)
        # Position in the stream's count of handled stanzas at which number 0 stands.
        self.base, self.sent, self.safe = 0, 0, 0
        self.resumed = self.fresh = self.repeated = 0

    def send(self, until):
        """Sends numbers up to `until`; False when the server is gone."""
        try:
            while self.sent < until:
                self.stream.write(message(self.to, self.sent, self.run_name))
                self.sent += 1
            return True
        except OSError:
            return False

    def settle(self):
        """Waits until all that was sent is acknowledged."""
        h = self.stream.acknowledged(self.sent - self.base)
        self.safe = self.base + h
        return self.safe == self.sent

    def come_back(self):
        """Resumes where the server says it is, or signs in anew and repeats from what was acknowledged."""
        back = raw.Stream(self.server.client_address(), self.server.domain, timeout=30)
        back.login(self.user, self.server.password(self.user))
        h = back.resume(self.stream.sm_id, self.stream.sm_handled)
        if h is None:
            self.fresh += 1
            back.bind("pc")
            back.enable()
            self.base = self.safe
        else:
            self.resumed += 1
            self.safe = self.base + h
        self.repeated += self.sent - self.safe
        self.sent, self.stream = self.safe, back


def one_seed(server, seed, kills, part):
    """A burst with kills in it: the row."""
    chance = random.Random(seed)
    run, to = f"b{seed}", f"to{seed}"
    server.add(f"from{seed}", to)
    recipient = Recipient(server, to, run)
    recipient.start()
    sender = Sender(server, f"from{seed}", server.jid(to), run)
    goal = 0
    for _ in range(kills):
        goal += part
        killer = threading.Timer(chance.random() * 0.4, server.kill)
        killer.start()
        sender.send(goal)
        killer.join()
        server.start()
        sender.come_back()
    goal += part
    sender.send(goal)
    settled = sender.settle()
    until = time.monotonic() + 30
    while len(set(recipient.found)) < goal and time.monotonic() < until:
        time.sleep(0.1)
    time.sleep(0.7)
    recipient.ends.set()
    recipient.join(5)
    stored = {}
    for name, user in (("recipient", to), ("sender", f"from{seed}")):
        stream = raw.session(server, user, "archive", available=False)
        stored[name] = verdict(numbers([it for _, it in stream.archive()], run), goal)
        stream.close()
    return {
        "seed": seed, "kills": kills, "sent": goal, "acknowledged": settled, "repeated": sender.repeated,
        "delivered": verdict(recipient.found, goal), "archives": stored,
        "resumed": {"sender": sender.resumed, "recipient": recipient.resumed},
        "fresh": {"sender": sender.fresh, "recipient": recipient.fresh},
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", default="hanse")
    parser.add_argument("--hanse", help="our binary")
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--part", type=int, default=150, help="messages between two kills")
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="killburst-", ignore_cleanup_errors=True) as folder:
        with servers.make(arguments.server, folder, binary=arguments.hanse) as server:
            for seed in map(int, arguments.seeds.split(",")):
                rows.append(one_seed(server, seed, arguments.kills, arguments.part))
                print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
            version = server.version()
    print(json.dumps({"server": version, "rows": rows}))


if __name__ == "__main__":
    main()
