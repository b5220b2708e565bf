"""A stock client: slixmpp as its authors wrote it, with a queue of what it received and a wait for what is expected."""

import asyncio
import contextlib
import logging

import slixmpp

PLUGINS = (
    "xep_0030", "xep_0045", "xep_0049", "xep_0054", "xep_0059", "xep_0060", "xep_0084", "xep_0085", "xep_0092", "xep_0115",
    "xep_0163", "xep_0184", "xep_0191", "xep_0198", "xep_0199", "xep_0202", "xep_0203", "xep_0249", "xep_0280", "xep_0297",
    "xep_0313", "xep_0333", "xep_0334", "xep_0352", "xep_0359", "xep_0402", "xep_0410", "xep_0421",
)
PATIENCE = 15.0

logging.getLogger("slixmpp").setLevel(logging.CRITICAL)
# slixmpp leaves tasks of closed streams behind; what matters to a check is an exception.
logging.getLogger("asyncio").setLevel(logging.CRITICAL)


class SignInRefused(Exception):
    """The server did not accept the password."""


class Client(slixmpp.ClientXMPP):
    """One device of one account."""

    def __init__(self, server, user, resource="stock", password=None, direct=False, plugins=PLUGINS):
        super().__init__(f"{server.jid(user)}/{resource}", password or server.password(user))
        self.home, self.direct = server, direct
        self.ca_certs = str(server.authority.ca)
        self.enable_direct_tls, self.enable_starttls, self.enable_plaintext = direct, not direct, False
        for plugin in plugins:
            self.register_plugin(plugin)
        # The tests decide who is a contact.
        self.auto_authorize = self.auto_subscribe = None
        self.inbox, self.seen, self.carbons = asyncio.Queue(), asyncio.Queue(), asyncio.Queue()
        self.add_event_handler("message", self.inbox.put_nowait)
        self.add_event_handler("carbon_received", self.carbons.put_nowait)
        self.add_event_handler("carbon_sent", self.carbons.put_nowait)
        for name in ("presence_available", "presence_unavailable", "presence_subscribe", "presence_subscribed"):
            self.add_event_handler(name, self.seen.put_nowait)

    async def sign_in(self, available=True):
        """Connects and signs in; with presence unless told otherwise."""
        waiting = {
            asyncio.ensure_future(self.wait_until(name, PATIENCE)): name
            for name in ("session_start", "failed_auth", "session_resumed")
        }
        self.connect(*self.home.client_address("direct" if self.direct else "starttls"))
        done, pending = await asyncio.wait(waiting, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        for one in pending:
            one.cancel()
        if not done:
            raise TimeoutError(f"{self.boundjid} was not signed in")
        name = waiting[done.pop()]
        if name == "failed_auth":
            raise SignInRefused(str(self.boundjid))
        if available and name == "session_start":
            await self.get_roster()
            self.send_presence()
        return self

    async def message(self, timeout=PATIENCE, **fields):
        """The next message whose fields are as given; others are dropped."""
        async with asyncio.timeout(timeout):
            while True:
                message = await self.inbox.get()
                if all(str(message[name]) == value for name, value in fields.items()):
                    return message

    async def bodies(self, count, timeout=PATIENCE):
        """Bodies of the next `count` messages that have one."""
        found = []
        async with asyncio.timeout(timeout):
            while len(found) < count:
                message = await self.inbox.get()
                if message["body"]:
                    found.append(message["body"])
        return found

    async def silence(self, seconds=0.7):
        """Bodies that come although none should."""
        await asyncio.sleep(seconds)
        found = []
        while not self.inbox.empty():
            message = self.inbox.get_nowait()
            if message["body"]:
                found.append(message["body"])
        return found

    async def presence(self, kind, sender, timeout=PATIENCE):
        """The next presence of that kind from that bare address."""
        async with asyncio.timeout(timeout):
            while True:
                presence = await self.seen.get()
                if presence["type"] == kind and presence["from"].bare == sender:
                    return presence

    async def leave(self):
        """Signs out in order."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.shield(self.disconnect(wait=1.0)), 3)


@contextlib.asynccontextmanager
async def signed_in(server, *who, **named):
    """Clients for `user` or `user/resource`, signed in, and out again at the end."""
    clients = []
    try:
        for one in who:
            user, _, resource = one.partition("/")
            clients.append(await Client(server, user, resource or "stock", **named).sign_in())
        yield clients[0] if len(clients) == 1 else clients
    finally:
        for client in clients:
            await client.leave()


async def befriend(one, other):
    """Both see each other's presence."""
    for asking, asked in ((one, other), (other, one)):
        asking.send_presence_subscription(asked.boundjid.bare, ptype="subscribe")
        await asked.presence("subscribe", asking.boundjid.bare)
        asked.send_presence_subscription(asking.boundjid.bare, ptype="subscribed")
        await asking.presence("available", asked.boundjid.bare)


async def until(held, what, timeout=PATIENCE):
    """Waits until `held` is so."""
    async with asyncio.timeout(timeout):
        while not held():
            await asyncio.sleep(0.05)
