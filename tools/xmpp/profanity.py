#!/usr/bin/env python3
"""profanity (libstrophe, libomemo) under tmux talks encrypted with slixmpp-omemo, each way: two implementations, one conversation.

    profanity.py --server hanse --hanse target/release/hanse
"""

import argparse
import asyncio
import json
import os
import secrets
import shlex
import subprocess
import tempfile
from pathlib import Path

from slixmpp import JID

import servers
from omemo_client import OmemoClient
from stock import until


class Terminal:
    """A tmux server of its own with profanity in it. Nothing of the user's tmux or profanity is touched."""

    def __init__(self, folder):
        self.socket = f"{folder}/tmux"
        self.environment = dict(
            os.environ, HOME=str(folder), XDG_CONFIG_HOME=f"{folder}/config", XDG_DATA_HOME=f"{folder}/data", TERM="screen", LC_ALL="C.UTF-8"
        )
        self.environment.pop("TMUX", None)

    def tmux(self, *arguments):
        done = subprocess.run(
            ["tmux", "-f", "/dev/null", "-S", self.socket, *arguments], env=self.environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    def start(self, *command):
        self.tmux("new-session", "-d", "-x", "200", "-y", "200", shlex.join(command))

    async def line(self, text):
        """Types a line."""
        self.tmux("send-keys", "-l", text)
        self.tmux("send-keys", "Enter")
        await asyncio.sleep(0.4)

    def screen(self):
        return self.tmux("capture-pane", "-p", "-S", "-500")

    def stop(self):
        subprocess.run(["tmux", "-S", self.socket, "kill-server"], env=self.environment, capture_output=True, check=False)


async def talk(server, folder):
    """The whole conversation; what each side saw."""
    terminal = Terminal(folder)
    address, port = server.client_address()
    config = Path(folder) / "config" / "profanity"
    config.mkdir(parents=True)
    (config / "profrc").write_text("[omemo]\npolicy=automatic\ntrustmode=blind\n[ui]\nsplash=false\n[notifications]\nmessage=false\n")
    seen = {"server": server.version(), "received": [], "shown": []}
    other = await OmemoClient(server, "slix", "phone").begin()
    try:
        terminal.start("profanity", "--log", "DEBUG")
        await asyncio.sleep(1.5)
        await terminal.line(f"/connect {server.jid('prof')} server {address} port {port} tls trust")
        await asyncio.sleep(1.0)
        await terminal.line(server.password("prof"))
        await until(lambda: "logged in successfully" in terminal.screen(), "profanity signs in", 20)
        await terminal.line("/omemo gen")
        await until(lambda: "materials generated" in terminal.screen(), "keys", 40)
        # profanity shows its device list to contacts only.
        other.auto_authorize = other.auto_subscribe = True
        for word in ("request", "allow"):
            await terminal.line(f"/sub {word} {other.boundjid.bare}")
        await until(lambda: other.client_roster[server.jid("prof")]["subscription"] == "both", "contacts", 20)
        await other.plugin["xep_0384"].refresh_device_lists({JID(server.jid("prof"))}, force_download=True)
        await terminal.line(f"/msg {other.boundjid.bare}")
        await terminal.line("/omemo start")
        await asyncio.sleep(2)
        out = [f"CANARY-p-{secrets.token_hex(4)}" for _ in range(3)]
        for text in out:
            await terminal.line(text)
        try:
            await other.hears(server.jid("prof"), out)
        finally:
            seen["received"] = [text for _, text in other.texts]
            seen["failures"] = other.failures
        back = [f"CANARY-s-{secrets.token_hex(4)}" for _ in range(3)]
        for text in back:
            await other.say(server.jid("prof"), text)
        await until(lambda: all(text in terminal.screen() for text in back), "profanity shows what it got", 20)
        seen["shown"] = back
        seen["ok"] = seen["received"] == out
    except Exception as error:  # Whatever they meet is the outcome.
        seen.update(ok=False, why=f"{type(error).__name__}: {error}", screen=terminal.screen()[-3000:])
    finally:
        terminal.stop()
        other.abort()
    return seen


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", default="hanse")
    parser.add_argument("--hanse", help="our binary")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="profanity-", ignore_cleanup_errors=True) as folder:
        with servers.make(arguments.server, f"{folder}/server", binary=arguments.hanse) as server:
            server.add("prof", "slix")
            print(json.dumps(asyncio.run(talk(server, folder))))


if __name__ == "__main__":
    main()
