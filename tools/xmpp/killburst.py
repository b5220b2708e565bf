#!/usr/bin/env python3
"""SIGKILL at random points of a burst, again and again, with a seed: what a careful client sent arrives once and in order.

The sender keeps what is not acknowledged, resumes its stream after each kill (XEP-0198), and sends the rest again under the same
origin-ids. The recipient resumes, too. Counted are deliveries to the recipient's device and entries of the archives.

    killburst.py --server hanse --hanse target/release/hanse --seeds 1,2,3 --kills 3 [--kind room]

The kinds: `direct`; `offline`, where the recipient signs in after the last kill; `carbons`, where the recipient is another device of
the sender; `room` and `room-pm`, where both enter again after each kill, as they are told to, and the room's archive counts;
`component`, where a component of the node is written to, for which nothing waits: the sender's archive counts, and what came to the
component or back from it. Between servers: `federation.py`.
"""

import argparse
import hashlib
import json
import random
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path

import raw
import servers
from killtest import message, numbers, verdict


ROOM = "burst@conference.localhost"
CARBONS = "<iq type='set' id='carbons'><enable xmlns='urn:xmpp:carbons:2'/></iq>"
KINDS = ("direct", "offline", "carbons", "room", "room-pm", "component")


def entering(nick):
    """Enters the room, without what was said there."""
    history = "<history maxstanzas='0'/>"
    return f"<presence to='{ROOM}/{nick}'><x xmlns='http://jabber.org/protocol/muc'>{history}</x></presence>"


def copied(element):
    """The message itself, also out of a carbon."""
    forwarded = element.find(f".//{{urn:xmpp:forward:0}}forwarded/{raw.CLIENT}message")
    return element if forwarded is None else forwarded


class Recipient(threading.Thread):
    """Signed in, acknowledging as it reads, resuming when cut. `found` is what its device was given, in order. `hello` is what it says
    first, and again after each cut."""

    def __init__(self, server, user, run, hello=""):
        super().__init__(daemon=True)
        self.server, self.user, self.run_name, self.hello = server, user, run, hello
        self.found, self.resumed, self.fresh = [], 0, 0
        self.enough, self.ends = threading.Event(), threading.Event()
        self.stream = raw.session(server, user, "phone", sm=True)
        self.stream.write(hello)

    def run(self):
        while not self.ends.is_set():
            try:
                element = self.stream.next(timeout=0.5)
            except TimeoutError:
                continue
            except (raw.Closed, OSError, raw.ElementTree.ParseError):
                self.come_back()
                continue
            self.found += numbers([copied(element)], self.run_name)
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
                back.write(self.hello)
                self.stream = back
                return
            except (OSError, raw.Closed, raw.Refused):
                time.sleep(0.1)


class Component(threading.Thread):
    """Answers for `relay.localhost`, comes back when cut, and notes what it got."""

    HOST, SECRET = "relay.localhost", "between-us-two"

    def __init__(self, server, port, run):
        super().__init__(daemon=True)
        self.server, self.port, self.run_name, self.found = server, port, run, []
        self.there, self.ends = threading.Event(), threading.Event()
        self.resumed = self.fresh = 0

    def run(self):
        while not self.ends.is_set():
            try:
                self.serve(socket.create_connection((self.server.address, self.port), timeout=5))
            except (OSError, raw.ElementTree.ParseError):
                pass
            self.there.clear()
            time.sleep(0.05)

    def serve(self, connection):
        """Until the connection ends."""
        header = f"<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='{self.HOST}'>"
        connection.sendall(header.encode())
        parser = raw.ElementTree.XMLPullParser(events=("start", "end"))
        depth = 0
        while not self.ends.is_set():
            try:
                data = connection.recv(65536)
            except TimeoutError:
                continue
            if not data:
                return
            parser.feed(data)
            for event, element in parser.read_events():
                depth += 1 if event == "start" else -1
                if event == "start" and depth == 1:
                    proof = hashlib.sha1((element.get("id") + self.SECRET).encode()).hexdigest()
                    connection.sendall(f"<handshake>{proof}</handshake>".encode())
                elif event == "end" and depth == 1:
                    self.there.set()
                    body = element.findtext("{jabber:component:accept}body") or ""
                    if body.startswith(f"{self.run_name} "):
                        self.found.append(int(body.split()[1]))


class Sender:
    """Numbers its messages, keeps what is not acknowledged, and repeats it after a cut. In a room it enters again first, as `nick`, and
    waits for who is to be there."""

    def __init__(self, server, user, to, run, nick=None, awaited=None, type_="chat"):
        self.server, self.user, self.to, self.run_name = server, user, to, run
        self.nick, self.awaited, self.type, self.returned = nick, awaited, type_, []
        self.stream = raw.session(server, user, "pc", available=False, sm=True)
        # Position in the stream's count of handled stanzas at which number 0 stands.
        self.base, self.sent, self.safe = 0, 0, 0
        self.resumed = self.fresh = self.repeated = 0
        self.enter()

    def enter(self):
        """Enters the room, if there is one: one more stanza of the stream that is no message."""
        if self.nick is None:
            return
        self.stream.write(entering(self.nick))
        self.base -= 1
        missing = {f"{ROOM}/{name}" for name in (self.awaited, self.nick) if name}

        def all_are_there(it):
            if it.tag == raw.CLIENT + "presence" and not it.get("type"):
                missing.discard(it.get("from"))
            return not missing

        self.stream.wait(all_are_there)

    def send(self, until):
        """Sends numbers up to `until`; False when the server is gone."""
        try:
            while self.sent < until:
                self.stream.write(message(self.to, self.sent, self.run_name).replace("type='chat'", f"type='{self.type}'", 1))
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
        self.enter()


def cast(server, kind, seed, run, port):
    """Sender and recipient of a kind; the recipient of what waits comes later."""
    name, to = f"from{seed}", f"to{seed}"
    if kind == "carbons":
        return Recipient(server, name, run, CARBONS), lambda: Sender(server, name, server.jid(to), run)
    if kind == "room":
        return Recipient(server, to, run, entering(to)), lambda: Sender(server, name, ROOM, run, name, type_="groupchat")
    if kind == "room-pm":
        return Recipient(server, to, run, entering(to)), lambda: Sender(server, name, f"{ROOM}/{to}", run, name, to)
    if kind == "component":
        return Component(server, port, run), lambda: Sender(server, name, f"x@{Component.HOST}", run)
    return (None if kind == "offline" else Recipient(server, to, run)), lambda: Sender(server, name, server.jid(to), run)


def one_seed(server, kind, seed, kills, part, port):
    """A burst with kills in it: the row."""
    chance = random.Random(seed)
    run, to = f"b{seed}", f"to{seed}"
    server.add(f"from{seed}", to)
    recipient, sender = cast(server, kind, seed, run, port)
    if recipient is not None:
        recipient.start()
    sender = sender()
    goal = 0
    for _ in range(kills):
        goal += part
        killer = threading.Timer(chance.random() * 0.4, server.kill)
        killer.start()
        sender.send(goal)
        killer.join()
        server.start()
        if kind == "component":
            recipient.there.wait(30)
        sender.come_back()
    goal += part
    sender.send(goal)
    settled = sender.settle()
    if recipient is None:
        recipient = Recipient(server, to, run)
        recipient.start()
    until = time.monotonic() + (5 if kind in ("room", "component") else 30)
    while len(set(recipient.found)) < goal and time.monotonic() < until:
        time.sleep(0.1)
    time.sleep(0.7)
    recipient.ends.set()
    recipient.join(7)
    stored = {}
    owners = {"recipient": (to, None), "sender": (f"from{seed}", None)}
    if kind == "room":
        owners = {"room": (to, ROOM)}
    if kind == "component":
        del owners["recipient"]
    for name, (user, owner) in owners.items():
        stream = raw.session(server, user, "archive", available=False)
        if owner is not None:
            stream.write(entering(f"reader{seed}"))
            stream.wait(lambda it: it.tag == raw.CLIENT + "message" and it.find(raw.CLIENT + "subject") is not None)
        stored[name] = verdict(numbers([it for _, it in stream.archive(owner=owner)], run), goal)
        stream.close()
    return {
        "kind": kind, "seed": seed, "kills": kills, "sent": goal, "acknowledged": settled, "repeated": sender.repeated,
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
    parser.add_argument("--kind", choices=KINDS, default="direct")
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="killburst-", ignore_cleanup_errors=True) as folder:
        port, options = servers.free_port(), {}
        if arguments.kind == "component":
            secret = Path(folder) / "secret"
            secret.write_text(Component.SECRET)
            options["arguments"] = ["--xmpp-component", f"127.0.0.1:{port}", "--component", f"{Component.HOST}={secret}"]
        with servers.make(arguments.server, folder, binary=arguments.hanse, options=options) as server:
            for seed in map(int, arguments.seeds.split(",")):
                rows.append(one_seed(server, arguments.kind, seed, arguments.kills, arguments.part, port))
                print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
            version = server.version()
    print(json.dumps({"server": version, "rows": rows}))


if __name__ == "__main__":
    main()
