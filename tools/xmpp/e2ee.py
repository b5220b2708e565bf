#!/usr/bin/env python3
"""Two stock OMEMO clients talk through one server or two, with one device and two, online, offline, after a cut line and after
the server was killed; then every byte the servers wrote is searched for the plaintexts.

    e2ee.py --servers hanse [--with prosody] --hanse target/release/hanse

Prints one JSON object; every case is true or says what went wrong.
"""

import argparse
import asyncio
import contextlib
import json
import secrets
import sys
import tempfile
import time
from pathlib import Path

import federation
import raw
import servers
from omemo_client import OmemoClient


class Talk:
    """The people, their devices and the secrets they exchange."""

    def __init__(self, home, away):
        self.home, self.away = home, away
        self.mark = f"CANARY-{secrets.token_hex(8)}"
        self.count = 0
        self.devices = []

    def secret(self):
        """A text that exists nowhere else."""
        self.count += 1
        return f"{self.mark}-{self.count}"

    async def device(self, server, user, resource):
        """An encrypting device, with its keys published."""
        client = await OmemoClient(server, user, resource).begin()
        self.devices.append(client)
        return client

    async def exchange(self, one, other, count=5):
        """Both ways, alternating."""
        for source, sink in ((one, other), (other, one)):
            texts = [self.secret() for _ in range(count)]
            for text in texts:
                await source.say(sink.boundjid.bare, text)
            await sink.hears(source.boundjid.bare, texts)


async def reconnect(client):
    """Waits for the client's own reconnection after its server came back."""
    client.abort()
    await asyncio.sleep(0.3)
    await client.sign_in()
    await client["xep_0280"].enable()


async def story(talk):
    """Every case, in the order of a conversation; yields (name, None or what went wrong)."""
    home, away = talk.home, talk.away
    people = {}

    async def online():
        people["alice"] = await talk.device(home, "alice", "pc")
        people["bob"] = await talk.device(away, "bob", "phone")
        await talk.exchange(people["alice"], people["bob"])

    async def two_devices():
        people["tablet"] = await talk.device(home, "alice", "tablet")
        await talk.exchange(people["tablet"], people["bob"], 2)
        texts = [talk.secret() for _ in range(3)]
        for text in texts:
            await people["bob"].say(home.jid("alice"), text)
        for name in ("alice", "tablet"):
            await people[name].hears(away.jid("bob"), texts)
        own = [talk.secret() for _ in range(3)]
        for text in own:
            await people["alice"].say(away.jid("bob"), text)
        await people["bob"].hears(home.jid("alice"), own)
        await people["tablet"].hears(home.jid("alice"), own)

    async def offline():
        await people["bob"].leave()
        texts = [talk.secret() for _ in range(5)]
        for text in texts:
            await people["alice"].say(away.jid("bob"), text)
        await asyncio.sleep(0.5)
        await people["bob"].sign_in()
        await people["bob"].hears(home.jid("alice"), texts)

    async def after_resume():
        people["bob"].abort()
        await asyncio.sleep(0.2)
        texts = [talk.secret() for _ in range(3)]
        for text in texts:
            await people["alice"].say(away.jid("bob"), text)
        await people["alice"]["xep_0199"].ping(home.domain)
        await people["bob"].sign_in()
        await people["bob"].hears(home.jid("alice"), texts)

    async def killed_between_keys_and_first_message():
        people["carol"] = await talk.device(away, "carol", "phone")
        await kill_both()
        texts = [talk.secret() for _ in range(2)]
        for text in texts:
            await people["alice"].say(away.jid("carol"), text)
        await people["carol"].hears(home.jid("alice"), texts)

    async def killed_with_messages_waiting():
        await people["bob"].leave()
        texts = [talk.secret() for _ in range(5)]
        for text in texts:
            await people["alice"].say(away.jid("bob"), text)
        # An answer to a later request means that the server has taken what came before it.
        await people["alice"]["xep_0199"].ping(home.domain)
        await asyncio.sleep(1.0 if home is not away else 0.3)
        people["bob"].abort()
        await kill_both()
        await people["bob"].sign_in()
        await people["bob"].hears(home.jid("alice"), texts)
        await talk.exchange(people["alice"], people["bob"], 2)

    async def kill_both():
        for server in {id(it): it for it in (home, away)}.values():
            server.kill()
            server.start()
        for client in talk.devices:
            if client is not people.get("bob") or client.is_connected():
                await reconnect(client)

    async def the_ciphertext_is_not_touched():
        sent = [digest for client in talk.devices for digest in client.sent]
        got = {digest for client in talk.devices for digest in client.got}
        if not sent or set(sent) - got or got - set(sent):
            raise AssertionError(f"{len(set(sent) - got)} of {len(sent)} ciphertexts did not arrive as sent, {len(got - set(sent))} were never sent")

    for case in (
        online, two_devices, offline, after_resume, killed_between_keys_and_first_message, killed_with_messages_waiting,
        the_ciphertext_is_not_touched,
    ):
        try:
            async with asyncio.timeout(120):
                await case()
        except Exception as error:  # Whatever a case meets is its outcome.
            yield case.__name__, f"{type(error).__name__}: {error}"
        else:
            yield case.__name__, True


def scan(paths, needle):
    """How many times the bytes occur in all files under the paths, and how many bytes were read."""
    count = size = 0
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                data = file.read_bytes()
                size += len(data)
                count += data.count(needle)
    return count, size


def search(talk):
    """Looks for the canaries in everything the servers wrote, and proves by two things that are there that it can find."""
    found = {"hits": 0, "bytes": 0, "archived": 0, "control_in_archive": 0, "control_in_files": 0, "names_in_files": 0}
    control = f"CONTROL-{secrets.token_hex(8)}"
    server = talk.away
    sender = raw.session(server, "carol", "control", sm=True)
    sender.write(f"<message to='{server.jid('bob')}' type='chat'><body>{control}</body></message>")
    sender.acknowledged(2)
    time.sleep(1)
    for server, users in ((talk.home, ["alice"]), (talk.away, ["bob", "carol"])):
        for user in users:
            stream = raw.session(server, user, "scan", available=False)
            texts = [raw.ElementTree.tostring(one, encoding="unicode") for _, one in stream.archive()]
            found["archived"] += sum("encrypted" in text for text in texts)
            found["hits"] += sum(talk.mark in text for text in texts)
            found["control_in_archive"] += sum(control in text for text in texts)
            stream.close()
        hits, size = scan(server.files(), talk.mark.encode())
        found["hits"] += hits
        found["bytes"] += size
        found["control_in_files"] += scan(server.files(), control.encode())[0]
        found["names_in_files"] += scan(server.files(), users[0].encode())[0]
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--servers", default="hanse", help="the server of both, or of the first")
    parser.add_argument("--with", dest="other", help="another server, for the second client")
    parser.add_argument("--hanse", help="our binary")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="e2ee-", ignore_cleanup_errors=True) as folder, contextlib.ExitStack() as stack:
        if arguments.other:
            pair = federation.pair(Path(folder), arguments.servers, arguments.other, binary=arguments.hanse)
        else:
            pair = [servers.make(arguments.servers, folder, binary=arguments.hanse)] * 2
        for server in {id(it): it for it in pair}.values():
            stack.enter_context(server)
        home, away = pair
        home.add("alice")
        away.add("bob", "carol")
        if "ejabberd" in (home.name, away.name):
            # Mnesia keeps what is fresh in memory; accounts are not what is tested.
            for server in {id(it): it for it in pair}.values():
                server.stop()
                server.start()
        talk = Talk(home, away)
        outcome = {"home": home.version(), "away": away.version(), "cases": {}}

        async def play():
            async for name, result in story(talk):
                outcome["cases"][name] = result
                print(f"{name}: {result}", file=sys.stderr, flush=True)
            for client in talk.devices:
                client.abort()

        asyncio.run(play())
        outcome["scan"] = search(talk)
        outcome["plaintexts"] = talk.count
    print(json.dumps(outcome))


if __name__ == "__main__":
    main()
