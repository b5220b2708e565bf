#!/usr/bin/env python3
"""Bytes that no client would send, on every socket that takes bytes from strangers. Each must end its own stream with the right
stream error, cost the server no memory to speak of, and leave a conversation that goes on beside it undisturbed.

    hostile.py --server hanse --hanse target/release/hanse
"""

import argparse
import contextlib
import json
import select
import socket
import ssl
import sys
import tempfile
import threading
import time
from itertools import chain

import raw
import servers

HEADER = (
    "<?xml version='1.0'?><stream:stream to='{domain}' version='1.0' xmlns='jabber:client'"
    " xmlns:stream='http://etherx.jabber.org/streams'>"
)
#: Errors of RFC 6120 4.9.3 that fit what was sent.
XML = {"not-well-formed", "restricted-xml", "invalid-xml", "bad-format", "bad-namespace-prefix", "policy-violation", "unsupported-encoding"}
POLICY = {"policy-violation", "not-authorized", "not-well-formed", "bad-format", "unsupported-stanza-type"}

#: What is sent after the stream header, in pieces, and what may be answered.
ATTACKS = {
    "5,000 elements deep": (lambda: [b"<a>" * 5_000], POLICY | XML),
    "a million elements deep": (lambda: (b"<a>" * 10_000 for _ in range(100)), POLICY | XML),
    "an attribute of 64 MiB": (lambda: pieces(b"<message x='", b"A" * 65_536, 1024), POLICY | XML),
    "a text of 64 MiB": (lambda: pieces(b"<message><body>", b"A" * 65_536, 1024), POLICY | XML),
    "a name of 1 MiB": (lambda: pieces(b"<", b"n" * 65_536, 16), POLICY | XML),
    "10,000 attributes": (lambda: [b"<message " + b" ".join(b"a%d='1'" % n for n in range(10_000)) + b"/>"], POLICY | XML),
    "a DTD": (lambda: [b"<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'>]><x>&a;</x>"], XML),
    "an entity": (lambda: [b"<message><body>&nbsp;</body></message>"], XML | POLICY),
    "a processing instruction": (lambda: [b"<?php echo 1 ?>"], XML | POLICY),
    "a comment": (lambda: [b"<!-- hello -->"], XML | POLICY),
    "bytes that are not UTF-8": (lambda: [b"<message><body>\xff\xfe\xc0\x80</body></message>"], XML | POLICY),
    "a NUL": (lambda: [b"<message><body>\0</body></message>"], XML | POLICY),
    "tags that do not match": (lambda: [b"<a><b></a></b>"], XML | POLICY),
    "an unbound prefix": (lambda: [b"<x:y/>"], XML | POLICY),
    "a stanza before sign-in": (lambda: [b"<message to='a@b'><body>x</body></message>"], POLICY),
    "a flood of stanzas before sign-in": (lambda: (b"<iq type='get' id='x'><ping xmlns='urn:xmpp:ping'/></iq>" * 100 for _ in range(200)), POLICY),
    "not XML at all": (lambda: [b"GET / HTTP/1.1\r\n\r\n"], XML | POLICY),
}


def pieces(head, body, times):
    """A head and many bodies."""
    yield head
    for _ in range(times):
        yield body


def strike(address, header, attack, tls):
    """Sends an attack; what was answered, and how it ended."""
    with contextlib.closing(socket.create_connection(address, timeout=10)) as plain:
        stream = plain
        if tls:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            context.set_alpn_protocols(["xmpp-client"])
            stream = context.wrap_socket(plain, server_hostname="localhost")
        # One thread for both directions: Python's TLS sockets are not made for two.
        stream.setblocking(False)
        later = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
        answer, sent, cut, closed = bytearray(), 0, False, False

        def listen():
            try:
                while data := stream.recv(65_536):
                    answer.extend(data)
                return True
            except later:
                return False
            except OSError:
                return True

        for piece in chain([header], attack):
            rest = memoryview(piece)
            while rest and not (closed := closed or listen()):
                try:
                    count = stream.send(rest)
                    rest, sent = rest[count:], sent + count
                except later:
                    select.select([stream], [stream], [], 1)
                except OSError:
                    closed = True
            if closed:
                cut = bool(rest)
                break
        until = time.monotonic() + 8
        while not closed and time.monotonic() < until:
            select.select([stream], [], [], 0.2)
            closed = listen()
        with contextlib.suppress(OSError):
            stream.close()
        # Who still sends when the other side closes may lose the last words to a reset.
        return {"sent": sent, "closed": closed, "cut": cut, "error": named(bytes(answer))}


def named(answer):
    """The condition of the stream error in an answer."""
    _, found, rest = answer.partition(b"<stream:error")
    if not found:
        return None
    inside = rest.partition(b">")[2].lstrip().removeprefix(b"<")
    return inside.partition(b" ")[0].partition(b"/")[0].decode(errors="replace")


class Bystanders:
    """Two people who talk all the while; `slowest` is the longest a message took, in seconds."""

    def __init__(self, server):
        server.add("calm1", "calm2")
        self.one, self.two = raw.session(server, "calm1", "x"), raw.session(server, "calm2", "y")
        self.to, self.count, self.slowest, self.failed = server.jid("calm2"), 0, 0.0, None
        self.ends = threading.Event()
        self.thread = threading.Thread(target=self._talk, daemon=True)
        self.thread.start()

    def _talk(self):
        try:
            while not self.ends.wait(0.02):
                started, text = time.monotonic(), f"calm {self.count}"
                self.one.write(f"<message to='{self.to}' type='chat'><body>{text}</body></message>")
                self.two.wait(lambda it: it.findtext(raw.CLIENT + "body") == text, 20)
                self.count += 1
                self.slowest = max(self.slowest, time.monotonic() - started)
        except Exception as error:  # Whatever disturbs them is the outcome.
            self.failed = f"{type(error).__name__}: {error}"

    def finish(self):
        """Stops, and says how it was."""
        self.ends.set()
        self.thread.join(30)
        return {"messages": self.count, "slowest_s": round(self.slowest, 3), "failed": self.failed}


def after_sign_in(server):
    """The same greed by somebody who is signed in: one stream ends, with its error."""
    server.add("greedy")
    found = {}
    for name, parts in {
        "5,000 elements deep": [b"<message>" + b"<a>" * 5_000],
        "a text of 64 MiB": pieces(b"<message><body>", b"A" * 65_536, 1024),
        "bytes that are not UTF-8": [b"<message><body>\xff\xfe</body></message>"],
        "a DTD": [b"<!DOCTYPE x>"],
    }.items():
        stream = raw.session(server, "greedy", "g")
        error, closed = None, False
        try:
            for part in parts:
                stream.write(part)
            stream.wait(lambda _: False, timeout=8)
        except raw.Closed as ended:
            error, closed = ended.error, True
        except (OSError, raw.ElementTree.ParseError) as broken:
            closed = not isinstance(broken, TimeoutError)
            with contextlib.suppress(Exception):
                stream.wait(lambda _: False, timeout=2)
        stream.vanish()
        found[name] = {"closed": closed, "error": error}
    return found


def slow_loris(server, count):
    """Many connections that send a byte now and then; whether somebody else still signs in."""
    held = []
    for _ in range(count):
        with contextlib.suppress(OSError):
            one = socket.create_connection(server.client_address(), timeout=5)
            one.sendall(b"<")
            held.append(one)
    started = time.monotonic()
    raw.session(server, "calm1", "during").close()
    took = time.monotonic() - started
    for one in held:
        one.close()
    return {"connections": len(held), "sign_in_s": round(took, 3)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", default="hanse")
    parser.add_argument("--hanse", help="our binary")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hostile-", ignore_cleanup_errors=True) as folder:
        with servers.make(arguments.server, folder, binary=arguments.hanse) as server:
            process = server.pid()
            calm = Bystanders(server)
            time.sleep(0.5)
            before, peak = server.memory(), 0
            outcome = {"server": server.version(), "attacks": {}}
            for tls in (False, True):
                for name, (attack, allowed) in ATTACKS.items():
                    header = b"" if name == "not XML at all" else HEADER.format(domain=server.domain).encode()
                    found = strike(server.client_address("direct" if tls else "starttls"), header, attack(), tls)
                    found["right"] = found["closed"] and (found["error"] in allowed or found["cut"])
                    if not server.alive():
                        found["right"], found["killed"] = False, True
                        server.start()
                    peak = max(peak, server.memory())
                    outcome["attacks"][f"{name}{', in TLS' if tls else ''}"] = found
                    print(f"{name}: {json.dumps(found)}", file=sys.stderr, flush=True)
            outcome["after_sign_in"] = after_sign_in(server)
            outcome["slow_loris"] = slow_loris(server, 500)
            peak = max(peak, server.memory())
            outcome["bystanders"] = calm.finish()
            outcome["memory"] = {"before": before, "peak": peak, "after": server.memory()}
            outcome["same_process"] = server.alive() and server.pid() == process
    print(json.dumps(outcome))


if __name__ == "__main__":
    main()
