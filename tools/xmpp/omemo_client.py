"""slixmpp with slixmpp-omemo: a stock client that encrypts. Its keys live as long as the object, over any number of connections."""

import asyncio
import hashlib
import sys
import xml.etree.ElementTree as ElementTree

from omemo.storage import Just, Nothing, Storage
from slixmpp import JID
from slixmpp.plugins import register_plugin
from slixmpp_omemo import XEP_0384, TrustLevel

from stock import PATIENCE, PLUGINS, Client

NAMESPACES = ("eu.siacs.conversations.axolotl", "urn:xmpp:omemo:2")


class Memory(Storage):
    """Keys of one device, in memory."""

    def __init__(self):
        super().__init__()
        self.kept = {}

    async def _load(self, key):
        return Just(self.kept[key]) if key in self.kept else Nothing()

    async def _store(self, key, value):
        self.kept[key] = value

    async def _delete(self, key):
        self.kept.pop(key, None)


class Omemo(XEP_0384):
    """Trusts every key it sees: who owns a key is not what is tested."""

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.memory = Memory()

    @property
    def storage(self):
        return self.memory

    @property
    def _btbv_enabled(self):
        return True

    async def _devices_blindly_trusted(self, blindly_trusted, identifier):
        pass

    async def _prompt_manual_trust(self, manually_trusted, identifier):
        manager = await self.get_session_manager()
        for device in manually_trusted:
            await manager.set_trust(device.bare_jid, device.identity_key, TrustLevel.TRUSTED.value)


register_plugin(Omemo)


def digests(xml):
    """What the encrypted payloads of a stanza hash to, whatever prefixes and quotes the server chose."""
    found = []
    for namespace in NAMESPACES:
        for element in xml.iter(f"{{{namespace}}}encrypted"):
            text = ElementTree.canonicalize(ElementTree.tostring(element, encoding="unicode"), strip_text=False)
            found.append(hashlib.sha256(text.encode()).hexdigest())
    return found


class OmemoClient(Client):
    """One encrypting device. `sent` and `got` are digests of the ciphertexts that went out and came in."""

    def __init__(self, server, user, resource):
        super().__init__(server, user, resource, plugins=PLUGINS)
        self.register_plugin("xep_0384", module=sys.modules[__name__])
        self.sent, self.got, self.texts = [], [], []
        self.failures = []
        self.sealed, self.opener = asyncio.Queue(), None
        self.add_event_handler("message", self.sealed.put_nowait)
        self.add_event_handler("carbon_received", lambda it: self.sealed.put_nowait(it["carbon_received"]))
        self.add_event_handler("carbon_sent", lambda it: self.sealed.put_nowait(it["carbon_sent"]))

    async def begin(self):
        """Signs in and publishes its keys."""
        self.opener = asyncio.create_task(self._open_all())
        ready = asyncio.ensure_future(self.wait_until("omemo_initialized", PATIENCE))
        await self.sign_in()
        await ready
        await self["xep_0280"].enable()
        return self

    async def _open_all(self):
        """One after the other: opening takes turns of the loop, and the order of arrival is what is tested."""
        while True:
            await self._open(await self.sealed.get())

    async def _open(self, message):
        if not self["xep_0384"].is_encrypted(message):
            return
        self.got += digests(message.xml)
        try:
            opened, device = await self["xep_0384"].decrypt_message(message)
        except Exception as error:  # A message that cannot be opened is an outcome, not an end.
            self.failures.append(f"{type(error).__name__}: {error}")
            return
        self.texts.append((device.bare_jid, str(opened["body"])))

    async def say(self, to, text):
        """Sends a text to every device of an account."""
        stanza = self.make_message(JID(to), mtype="chat")
        stanza["body"] = text
        sealed, errors = await self["xep_0384"].encrypt_message(stanza, {JID(to)})
        if sealed is None or errors:
            raise AssertionError(f"{self.boundjid} cannot encrypt for {to}: {errors}")
        self.sent += digests(sealed.xml)
        sealed.send()

    async def hears(self, sender, texts, timeout=PATIENCE * 2):
        """Waits until exactly these texts of that sender were opened, in this order, and none twice."""
        wanted = list(texts)
        try:
            async with asyncio.timeout(timeout):
                while len([it for it in self.texts if it[0] == sender and it[1] in wanted]) < len(wanted):
                    await asyncio.sleep(0.05)
        except TimeoutError:
            pass
        await asyncio.sleep(0.3)
        found = [text for who, text in self.texts if who == sender and text in wanted]
        if found != wanted:
            raise AssertionError(f"{self.boundjid} opened {found}, not {wanted}; failures: {self.failures}")
