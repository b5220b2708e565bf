#!/usr/bin/env python3
"""Two servers of any kind, each with its domain and its loopback address, that know each other; and what happens between them.

    federation.py --one hanse --other prosody --hanse target/release/hanse [--case NAME]

Certificates are by a test authority. Addresses come from a hosts file of the test, so nothing on the machine is changed.
"""

import argparse
import contextlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import certs
import raw
import servers
from killtest import collect, message, verdict

S2S_PORT = 5269


def pair(folder, one, other, binary=None, options=None, certificates=None):
    """Two servers, not started. Each listens on a loopback address that is unlikely to be anybody else's."""
    authority = certs.Authority(Path(folder) / "authority")
    chance = random.SystemRandom()
    net = f"127.{chance.randrange(16, 250)}.{chance.randrange(1, 250)}"
    places = {"a.test": f"{net}.2", "b.test": f"{net}.3"}
    made = []
    for kind, (domain, address) in zip((one, other), places.items()):
        peers = {}
        for name, ip in places.items():
            if name != domain:
                peers |= {name: (ip, S2S_PORT), f"conference.{name}": (ip, S2S_PORT)}
        made.append(
            servers.make(
                kind, Path(folder) / domain, binary=binary, domain=domain, address=address, s2s_port=S2S_PORT, authority=authority,
                peers=peers, options=(options or {}).get(domain, {}),
                certificate=(certificates or {}).get(domain, lambda _: None)(authority),
            )
        )
    return made


def burst(source, to, count, run, first=0):
    """Sends numbered messages on a stream with stream management, without waiting for their acknowledgement."""
    for number in range(first, first + count):
        source.write(message(to, number, run))


def talk(one, other, _):
    """Both ways, a hundred each, at the same time."""
    left, right = raw.session(one, "ann", "x", sm=True), raw.session(other, "ben", "y", sm=True)
    burst(left, other.jid("ben"), 100, "lr")
    burst(right, one.jid("ann"), 100, "rl")
    return {
        "there": verdict(collect(right, 100, "lr", 15), 100),
        "back": verdict(collect(left, 100, "rl", 15), 100),
        "acknowledged": [left.acknowledged(101), right.acknowledged(101)],
        "archives": archives(one, other, "lr", 100),
    }


def archives(one, other, run, count):
    """What both archives hold of a run."""
    found = []
    for server, user in ((one, "ann"), (other, "ben")):
        stream = raw.session(server, user, "archive", available=False)
        texts = [it.findtext(raw.CLIENT + "body") or "" for _, it in stream.archive() if it is not None]
        found.append(verdict([int(it.split()[1]) for it in texts if it.startswith(f"{run} ")], count))
        stream.close()
    return found


def down_then_up(one, other, _):
    """The remote server is stopped; messages wait; it returns and gets each once, in order."""
    raw.session(other, "ben", "y").close()
    left = raw.session(one, "ann", "x", sm=True)
    other.kill()
    burst(left, other.jid("ben"), 100, "down")
    acknowledged = left.acknowledged(101)
    time.sleep(2)
    bounced = count_errors(left)
    other.start()
    # Who signs in while messages come may get them in another order from a server that keeps two queues.
    until = time.monotonic() + 60
    while (stored := archives(one, other, "down", 100)[1])["lost"] and time.monotonic() < until:
        time.sleep(1)
    right = raw.session(other, "ben", "y", sm=True)
    found = collect(right, 100, "down", 10)
    return {"acknowledged": acknowledged, "bounced": bounced + count_errors(left), "there": verdict(found, 100), "archive": stored}


def count_errors(stream):
    """Error messages that wait on a stream."""
    errors = 0
    while True:
        try:
            element = stream.next(timeout=0.5)
        except (TimeoutError, raw.Closed):
            return errors
        errors += element.tag == raw.CLIENT + "message" and element.get("type") == "error"


def remote_killed_mid_burst(one, other, seed):
    """The remote server is killed while a burst runs, and again; nothing acknowledged to the sender is lost."""
    chance = random.Random(seed)
    left = raw.session(one, "ann", "x", sm=True)
    raw.session(other, "ben", "y").close()
    sent = 0
    while sent < 600:
        part = chance.randrange(50, 200)
        burst(left, other.jid("ben"), part, "rk", sent)
        sent += part
        time.sleep(chance.random() * 0.2)
        other.kill()
        other.start()
    acknowledged = left.acknowledged(sent + 1)
    found = received(other, sent, "rk")
    return {"sent": sent, "acknowledged": acknowledged, "bounced": count_errors(left), "there": found}


def ours_killed_mid_burst(one, other, seed):
    """The sender's server is killed while it sends on; what it had acknowledged arrives."""
    chance = random.Random(seed)
    raw.session(other, "ben", "y").close()
    sent = 0
    while sent < 600:
        left = raw.session(one, "ann", f"x{sent}", sm=True, available=False)
        part = chance.randrange(50, 200)
        burst(left, other.jid("ben"), part, "ok", sent)
        if left.acknowledged(part) < part:
            raise AssertionError("the server does not acknowledge")
        sent += part
        time.sleep(chance.random() * 0.3)
        one.kill()
        one.start()
    return {"sent": sent, "acknowledged": sent, "there": received(other, sent, "ok")}


def received(other, sent, run):
    """What the recipient's device gets and what its archive keeps."""
    until, best = time.monotonic() + 90, None
    found = []
    while time.monotonic() < until:
        right = raw.session(other, "ben", "y", sm=True)
        found += collect(right, sent - len(set(found)), run, 12)
        right.acknowledge()
        right.close()
        archive = raw.session(other, "ben", "archive", available=False)
        texts = [it.findtext(raw.CLIENT + "body") or "" for _, it in archive.archive()]
        best = verdict([int(it.split()[1]) for it in texts if it.startswith(f"{run} ")], sent)
        archive.close()
        if best["lost"] == 0:
            break
    return {"delivered": verdict(found, sent), "archive": best}


def presence(one, other, _):
    """Subscription and presence across the border."""
    left, right = raw.session(one, "ann", "x"), raw.session(other, "ben", "y")
    for stream in (left, right):
        stream.iq("get", "<query xmlns='jabber:iq:roster'/>")
    for asking, asked in ((left, right), (right, left)):
        asking.write(f"<presence to='{asked.jid.split('/')[0]}' type='subscribe'/>")
        asked.wait(lambda it: it.tag == raw.CLIENT + "presence" and it.get("type") == "subscribe", 15)
        asked.write(f"<presence to='{asking.jid.split('/')[0]}' type='subscribed'/>")
        asking.wait(lambda it: it.tag == raw.CLIENT + "presence" and it.get("type") is None and it.get("from") == asked.jid, 15)
    right.close()
    left.wait(lambda it: it.tag == raw.CLIENT + "presence" and it.get("type") == "unavailable" and it.get("from") == right.jid, 15)
    return {"seen": True}


def keys(one, other, _):
    """A node that is open to all is read across the border, as OMEMO does."""
    from checks_account import items, publish

    right, left = raw.session(other, "ben", "y"), raw.session(one, "ann", "x")
    options = {"pubsub__access_model": "open", "pubsub__persist_items": "true"}
    node = "eu.siacs.conversations.axolotl.devicelist"
    answer = publish(right, node, "current", "<list xmlns='eu.siacs.conversations.axolotl'><device id='7'/></list>", **options)
    refused, found = items(left, other.jid("ben"), node)
    return {"published": answer.get("type"), "refused": refused, "items": found}


def room(one, other, _):
    """A room of the other server is joined and talked in from here."""
    place = f"quay@conference.{other.domain}"
    right, left = raw.session(other, "ben", "y"), raw.session(one, "ann", "x")
    join = lambda nick: f"<presence to='{place}/{nick}'><x xmlns='http://jabber.org/protocol/muc'/></presence>"
    own = lambda it: it.tag == raw.CLIENT + "presence" and any(
        status.get("code") == "110" for status in it.iter("{http://jabber.org/protocol/muc#user}status")
    )
    right.write(join("Ben"))
    right.wait(own, 15)
    right.iq("set", "<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query>", to=place)
    left.write(join("Ann"))
    left.wait(own, 20)
    found = []
    for number in range(20):
        left.write(f"<message to='{place}' type='groupchat' id='r{number}'><body>room {number}</body></message>")
    while len(found) < 20:
        body = right.next(15).findtext(raw.CLIENT + "body") or ""
        found += [int(body.split()[1])] if body.startswith("room ") else []
    return {"there": verdict(found, 20)}


def bounced_when_it_waited_too_long(one, other, _):
    """The remote server does not come back; the sender is told, not before its message has waited as long as was promised."""
    left = raw.session(one, "ann", "x", sm=True)
    other.kill()
    started = time.monotonic()
    burst(left, other.jid("ben"), 20, "late")
    told = []
    while len(told) < 20:
        element = left.next(40)
        if element.tag == raw.CLIENT + "message" and element.get("type") == "error":
            condition = element.find(raw.CLIENT + "error")[0].tag.split("}")[1]
            told.append((element.get("id"), condition, time.monotonic() - started))
    other.start()
    right = raw.session(other, "ben", "y", sm=True)
    return {
        "told": [it[0] for it in told] == [f"late-{number}" for number in range(20)],
        "conditions": sorted({it[1] for it in told}),
        "earliest_s": round(min(it[2] for it in told), 1),
        "delivered": collect(right, 1, "late", 4),
    }


def half_open(one, other, _):
    """The line goes dead without a word, the remote server is killed and comes back, and only then does the line."""
    left = raw.session(one, "ann", "x", sm=True)
    right = raw.session(other, "ben", "y", sm=True)
    burst(left, other.jid("ben"), 50, "cut")
    found = collect(right, 50, "cut", 15)
    right.acknowledge()
    right.close()
    nft = lambda *words: subprocess.run(["nft", *words], check=True)
    nft("add", "table", "inet", "cut")
    nft("add", "chain", "inet", "cut", "packets", "{ type filter hook input priority 0 ; }")
    for way in ("sport", "dport"):
        nft("add", "rule", "inet", "cut", "packets", "ip", "saddr", f"{{ {one.address}, {other.address} }}", "tcp", way, str(S2S_PORT), "drop")
    burst(left, other.jid("ben"), 50, "cut", 50)
    acknowledged = left.acknowledged(101)
    time.sleep(1)
    other.kill()
    other.start()
    nft("delete", "table", "inet", "cut")
    right = raw.session(other, "ben", "y", sm=True)
    found += collect(right, 50, "cut", 90)
    return {"acknowledged": acknowledged, "bounced": count_errors(left), "there": verdict(found, 100)}


CASES = {it.__name__: it for it in (talk, presence, keys, room, down_then_up, remote_killed_mid_burst, ours_killed_mid_burst, bounced_when_it_waited_too_long, half_open)}
#: What a case starts our node with.
ARGUMENTS = {"bounced_when_it_waited_too_long": ["--xmpp-wait", "3"]}
#: Cases on a network of their own, where packets can be dropped.
ALONE = {"half_open"}


def refused(folder, one, other, binary, certificate):
    """Whether a message gets through to a server whose certificate is not to be trusted, and how the sender learns of it."""
    with contextlib.ExitStack() as stack:
        made = pair(folder, one, other, binary=binary, certificates={"b.test": certificate})
        for server in made:
            stack.enter_context(server)
        one, other = made
        one.add("ann")
        other.add("ben")
        right = raw.session(other, "ben", "y")
        left = raw.session(one, "ann", "x", sm=True)
        burst(left, other.jid("ben"), 1, "bad")
        burst(right, one.jid("ann"), 1, "bad")
        return {"there": collect(right, 1, "bad", 6), "back": collect(left, 1, "bad", 6)}


def dialback(folder, one, other, binary):
    """Both sides have certificates by nobody they know, and both say that dialback is enough."""
    unknown = lambda name: lambda authority: certs.Authority(authority.folder / name, name).issue(name, f"conference.{name}")
    lax = {name: {"secure_auth": False} for name in ("a.test", "b.test")}
    with contextlib.ExitStack() as stack:
        made = pair(folder, one, other, binary=binary, options=lax, certificates={name: unknown(name) for name in lax})
        for server in made:
            stack.enter_context(server)
        made[0].add("ann")
        made[1].add("ben")
        return talk(*made, None)


def on_a_network_of_its_own():
    """Starts this program again with a loopback interface that nobody else sees."""
    script = 'ip link set lo up && exec "$0" "$@"'
    command = ["unshare", "--user", "--map-root-user", "--mount", "--net", "sh", "-c", script, sys.executable, "-W", "ignore", *sys.argv]
    os.execvp("unshare", command)


BAD = {
    "expired_certificate": lambda authority: authority.issue("b.test", "conference.b.test", expired=True),
    "certificate_of_another_name": lambda authority: authority.issue("other.test"),
    "certificate_of_an_unknown_authority": lambda authority: certs.Authority(authority.folder / "unknown", "Unknown").issue("b.test"),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--one", default="hanse")
    parser.add_argument("--other", default="prosody")
    parser.add_argument("--hanse", help="our binary")
    parser.add_argument("--case", help="one case, or several with commas", default=",".join([*CASES, "dialback", *BAD]))
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if ALONE & set(arguments.case.split(",")) and "HANSE_OWN_NETWORK" not in os.environ:
        os.environ["HANSE_OWN_NETWORK"] = "yes"
        on_a_network_of_its_own()
    outcome = {"one": arguments.one, "other": arguments.other, "seed": arguments.seed, "cases": {}}
    with contextlib.ExitStack() as stack:
        together = None
        for name in arguments.case.split(","):
            started = time.monotonic()
            try:
                if name == "dialback" or name in BAD:
                    with tempfile.TemporaryDirectory(prefix="federation-", ignore_cleanup_errors=True) as folder:
                        found = on_bad_terms(name, folder, arguments)
                elif name in ARGUMENTS:
                    with contextlib.ExitStack() as alone:
                        found = CASES[name](*known_pair(alone, arguments, name), arguments.seed)
                else:
                    together = together or known_pair(stack, arguments, name)
                    found = CASES[name](*together, arguments.seed)
            except Exception as error:  # Whatever a case meets is its outcome.
                found = {"failed": f"{type(error).__name__}: {error}"}
            found["seconds"] = round(time.monotonic() - started, 1)
            outcome["cases"][name] = found
            print(f"{arguments.one} - {arguments.other} {name}: {json.dumps(found)}", file=sys.stderr, flush=True)
    print(json.dumps(outcome))


def on_bad_terms(name, folder, arguments):
    """Cases about certificates, each with servers of its own."""
    if name == "dialback":
        return dialback(folder, arguments.one, arguments.other, arguments.hanse)
    return refused(folder, arguments.one, arguments.other, arguments.hanse, BAD[name])


def known_pair(stack, arguments, name):
    """Two running servers with an account each."""
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="federation-", ignore_cleanup_errors=True))
    options = {"a.test": {"arguments": ARGUMENTS.get(name, [])}}
    made = pair(folder, arguments.one, arguments.other, binary=arguments.hanse, options=options)
    for server, user in zip(made, ("ann", "ben")):
        stack.enter_context(server)
        server.add(user)
        if server.name == "ejabberd":
            # Mnesia keeps what is fresh in memory; accounts are not what is tested.
            server.stop()
            server.start()
    return made


if __name__ == "__main__":
    main()
