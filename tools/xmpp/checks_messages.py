"""Checks of sign-in, messages, archive and stream management."""

import asyncio
import time

from slixmpp import JID

import raw
from registry import check, equal, expect
from stock import Client, SignInRefused, befriend, signed_in, until


@check("RFC 6120", "RFC 7590", "XEP-0368")
async def signs_in_by_scram_over_starttls_and_direct_tls(server):
    """The right password is accepted both ways, the wrong one is not, and nothing is offered in the clear."""
    server.add("sign")
    for direct in (False, True):
        async with signed_in(server, "sign", direct=direct) as client:
            expect(client.boundjid.full.startswith(server.jid("sign")), "bound")
    for who in ("sign", "nobody-of-that-name"):
        try:
            await Client(server, who, password="wrong").sign_in()
        except SignInRefused:
            continue
        raise AssertionError(f"{who} came in with a wrong password")
    mechanisms = {}
    for tls in ("starttls", "direct"):
        stream = raw.session(server, "sign", tls=tls)
        mechanisms[tls] = stream.mechanism
        expect(stream.mechanism.startswith("SCRAM"), "SCRAM is offered")
        stream.close()
    return mechanisms


@check("RFC 6120")
async def offers_no_password_in_the_clear(server):
    """Before TLS, PLAIN is not offered, and is refused when tried."""
    stream = raw.Stream(server.client_address(), server.domain, tls=None)
    names = [it.text for it in stream.features.iter(raw.SASL + "mechanism")]
    stream.close()
    expect("PLAIN" not in names, f"mechanisms before TLS: {names}")


@check("RFC 6121")
async def two_clients_chat_both_ways_in_order(server):
    """A hundred messages each way arrive once and in order."""
    server.add("chat1", "chat2")
    async with signed_in(server, "chat1", "chat2") as (one, other):
        for number in range(100):
            one.send_message(other.boundjid.bare, f"a{number}", mtype="chat")
            other.send_message(one.boundjid.bare, f"b{number}", mtype="chat")
        equal(await other.bodies(100), [f"a{n}" for n in range(100)], "one to other")
        equal(await one.bodies(100), [f"b{n}" for n in range(100)], "other to one")
        equal(await other.silence() + await one.silence(), [], "doubles")


@check("RFC 6120", "XEP-0359")
async def passes_a_stanza_on_as_it_was(server):
    """Unknown attributes, languages, prefixes and payloads arrive as they were sent, with the sender stamped by the server."""
    server.add("byte1", "byte2")
    one, other = raw.session(server, "byte1", "x"), raw.session(server, "byte2", "y")
    target = server.jid("byte2")
    one.write(
        f"<message to='{target}' from='{server.jid('byte1')}/x' type='chat' id='i1' xml:lang='de'><body xml:lang='en'>a &lt;b&gt;"
        " &#x1F600; \u00e9</body><q:extra xmlns:q='urn:example:q' q:at='1' plain='2'><q:inner/></q:extra>"
        "<active xmlns='http://jabber.org/protocol/chatstates'/></message>"
    )
    got = other.wait(lambda it: it.get("id") == "i1")
    equal(got.get("from"), one.jid, "sender")
    equal(got.get("{http://www.w3.org/XML/1998/namespace}lang"), "de", "language")
    equal(got.findtext(raw.CLIENT + "body"), "a <b> \U0001f600 \u00e9", "body")
    extra = got.find("{urn:example:q}extra")
    equal(dict(extra.attrib), {"{urn:example:q}at": "1", "plain": "2"}, "attributes of a payload")
    expect(extra.find("{urn:example:q}inner") is not None, "a payload's child")
    forged = f"<message to='{target}' from='{server.jid('byte2')}' type='chat' id='i2'><body>forged</body></message>"
    try:
        one.write(forged)
        got = other.wait(lambda it: it.get("id") == "i2", timeout=1.5)
        equal(got.get("from"), one.jid, "sender of a forged stanza")
    except (TimeoutError, raw.Closed):
        pass
    finally:
        one.close()
        other.close()


@check("XEP-0280")
async def another_device_sees_both_sides_by_carbons(server):
    """What one device sends and receives, the other of the same account gets as carbon copies; private messages it does not."""
    server.add("carb1", "carb2")
    async with signed_in(server, "carb1/pc", "carb1/phone", "carb2") as (pc, phone, other):
        for device in (pc, phone):
            await device["xep_0280"].enable()
        pc.send_message(other.boundjid.bare, "sent from pc", mtype="chat")
        copy = await asyncio.wait_for(phone.carbons.get(), 10)
        equal(copy["carbon_sent"]["body"], "sent from pc", "sent carbon")
        await other.message(body="sent from pc")
        other.send_message(pc.boundjid.full, "to the pc only", mtype="chat")
        await pc.message(body="to the pc only")
        copy = await asyncio.wait_for(phone.carbons.get(), 10)
        equal(copy["carbon_received"]["body"], "to the pc only", "received carbon")
        private = other.make_message(pc.boundjid.full, "private", mtype="chat")
        private.xml.append(raw.ElementTree.fromstring("<private xmlns='urn:xmpp:carbons:2'/>"))
        private.xml.append(raw.ElementTree.fromstring("<no-copy xmlns='urn:xmpp:hints'/>"))
        private.send()
        await pc.message(body="private")
        await asyncio.sleep(0.5)
        expect(phone.carbons.empty(), "a private message was copied")


@check("XEP-0160", "XEP-0203")
async def offline_messages_come_once_in_order_with_their_time(server):
    """What was sent while no device was there comes at the next sign-in, once, delayed and in order."""
    server.add("off1", "off2")
    await (await Client(server, "off2").sign_in()).leave()
    async with signed_in(server, "off1") as one:
        for number in range(20):
            one.send_message(server.jid("off2"), f"m{number}", mtype="chat")
        await one["xep_0199"].ping(server.domain)
        await asyncio.sleep(0.3)
        async with signed_in(server, "off2") as other:
            first = await other.message(body="m0")
            expect(first.xml.find("{urn:xmpp:delay}delay") is not None, "delay stamp")
            equal(await other.bodies(19), [f"m{n}" for n in range(1, 20)], "order")
            equal(await other.silence(), [], "doubles")
        async with signed_in(server, "off2") as other:
            equal(await other.silence(1.0), [], "delivered a second time")


@check("XEP-0313", "XEP-0059", "XEP-0359")
async def archive_pages_tile_exactly(server):
    """Pages of any size, forwards and backwards, give every message once in one order; both parties have the same."""
    server.add("arch1", "arch2")
    one, other = raw.session(server, "arch1", "x"), raw.session(server, "arch2", "y")
    for number in range(57):
        source, target = (one, "arch2") if number % 3 else (other, "arch1")
        source.write(f"<message to='{server.jid(target)}' type='chat' id='n{number}'><body>{number}</body></message>")
        listener = other if source is one else one
        got = listener.wait(lambda it: it.findtext(raw.CLIENT + "body") == str(number))
        mark = got.find("{urn:xmpp:sid:0}stanza-id")
        expect(mark is not None and mark.get("by") == server.jid(target), "a stanza-id by the archive's owner")
    want = [str(number) for number in range(57)]
    for stream in (one, other):
        for page in (1, 10, 19, 57, 100):
            entries = stream.archive(page)
            equal([it.findtext(raw.CLIENT + "body") for _, it in entries], want, f"page size {page}")
            equal(len({name for name, _ in entries}), 57, "archive ids")
    name, _ = one.archive(100)[-1]
    equal(backwards(one, 10), want, "backwards")
    delivered = mark.get("id")
    owner = other if target == "arch2" else one
    equal(owner.archive(100)[-1][0], delivered, "stanza-id and archive id")
    one.close()
    other.close()
    async with signed_in(server, "arch1") as client:
        pages = client["xep_0313"].iterate(rsm={"max": 20}, with_jid=JID(server.jid("arch2")))
        found = [it async for it in pages]
        bodies = [it["mam_result"]["forwarded"]["stanza"]["body"] for it in found]
        equal(bodies, want, "slixmpp's iteration")
    return {"messages": 57, "last": name}


def backwards(stream, page):
    """Bodies by pages taken from the end."""
    found, before = [], "<before/>"
    while True:
        stream.serial += 1
        name = f"b{stream.serial}"
        stream.write(
            f"<iq type='set' id='{name}'><query xmlns='urn:xmpp:mam:2' queryid='{name}'><set xmlns='http://jabber.org/protocol/rsm'>"
            f"<max>{page}</max>{before}</set></query></iq>"
        )
        here = []
        while True:
            element = stream.next()
            result = element.find(raw.MAM + "result")
            if result is not None:
                here.append(result.findtext("{urn:xmpp:forward:0}forwarded/" + raw.CLIENT + "message/" + raw.CLIENT + "body"))
            elif element.get("id") == name:
                break
        found = here + found
        first = element.findtext(f".//{{http://jabber.org/protocol/rsm}}first")
        if element.find(raw.MAM + "fin").get("complete") == "true" or not first:
            return found
        before = f"<before>{first}</before>"


@check("XEP-0198")
async def a_cut_connection_resumes_without_loss_or_doubles(server):
    """A client whose line is cut gets what came meanwhile, once, on the same session."""
    server.add("res1", "res2")
    one = raw.session(server, "res1", "pc")
    phone = raw.session(server, "res2", "phone", sm=True)
    for number in range(30):
        one.write(f"<message to='{server.jid('res2')}' type='chat'><body>{number}</body></message>")
    found = []
    while len(found) < 10:
        body = phone.next().findtext(raw.CLIENT + "body")
        found += [body] if body else []
    handled = phone.sm_handled
    phone.vanish()
    for number in range(30, 40):
        one.write(f"<message to='{server.jid('res2')}' type='chat'><body>{number}</body></message>")
    one.iq("get", "<ping xmlns='urn:xmpp:ping'/>", to=server.domain)
    back = raw.Stream(server.client_address(), server.domain)
    back.login("res2", server.password("res2"))
    expect(back.resume(phone.sm_id, handled) is not None, "the session was resumed")
    while len(found) < 40:
        body = back.next().findtext(raw.CLIENT + "body")
        found += [body] if body else []
    equal(found, [str(number) for number in range(40)], "messages")
    try:
        body = back.wait(lambda it: it.findtext(raw.CLIENT + "body"), timeout=0.7)
        raise AssertionError(f"doubled: {body.findtext(raw.CLIENT + 'body')}")
    except TimeoutError:
        pass
    one.close()
    back.close()


@check("XEP-0198")
async def a_wrong_h_ends_the_stream(server):
    """Acknowledging more than was ever sent is a stream error, not silence."""
    server.add("wrongh")
    stream = raw.session(server, "wrongh", "x", sm=True)
    stream.write("<a xmlns='urn:xmpp:sm:3' h='4000'/>")
    try:
        stream.wait(lambda _: False, timeout=5)
    except raw.Closed as closed:
        return {"error": closed.error}
    except TimeoutError:
        pass
    raise AssertionError("the stream went on")


@check("XEP-0198")
async def slixmpp_resumes_by_itself(server):
    """The stock client loses its socket, connects again, and its own XEP-0198 code takes the session up."""
    server.add("slix1", "slix2")
    async with signed_in(server, "slix1") as one:
        other = await Client(server, "slix2", "phone").sign_in()
        await asyncio.sleep(0.3)
        other.abort()
        await asyncio.sleep(0.2)
        one.send_message(server.jid("slix2"), "while you were away", mtype="chat")
        await one["xep_0199"].ping(server.domain)
        resumed = asyncio.ensure_future(other.wait_until("session_resumed", 10))
        other.connect(*server.client_address())
        await resumed
        equal(await other.bodies(1), ["while you were away"], "message")
        equal(await other.silence(), [], "doubles")
        await other.leave()


@check("XEP-0359", "XEP-0198")
async def a_message_sent_twice_with_one_origin_id_is_kept_once(server):
    """A client that repeats what was not acknowledged gives its message the same origin-id; the archive keeps one."""
    server.add("dup1", "dup2")
    one, other = raw.session(server, "dup1", "x", sm=True), raw.session(server, "dup2", "y")
    text = (
        f"<message to='{server.jid('dup2')}' type='chat' id='d1'><body>once</body><origin-id xmlns='urn:xmpp:sid:0' id='d1'/></message>"
    )
    one.write(text + text)
    one.acknowledged(3)
    time.sleep(0.3)
    kept = [it for _, it in other.archive() if it.findtext(raw.CLIENT + "body") == "once"]
    equal(len(kept), 1, "entries in the archive")


@check("RFC 6121")
async def a_message_to_nobody_is_answered(server):
    """A message to an account that does not exist comes back as an error, and reveals no more than that."""
    server.add("lonely")
    stream = raw.session(server, "lonely", "x")
    stream.write(f"<message to='no-such-user@{server.domain}' type='chat' id='gone'><body>hello?</body></message>")
    got = stream.wait(lambda it: it.get("id") == "gone", timeout=5)
    equal(got.get("type"), "error", "type")
    conditions = [it.tag.split("}")[1] for it in got.find(raw.CLIENT + "error")]
    stream.close()
    return {"conditions": conditions}


@check("RFC 6121")
async def presence_follows_subscription(server):
    """Contacts who agreed see each other come and go, even when the socket just dies; a stranger sees nothing."""
    server.add("pres1", "pres2", "pres3")
    async with signed_in(server, "pres1", "pres2", "pres3") as (one, other, stranger):
        await befriend(one, other)
        await until(lambda: one.client_roster[server.jid("pres2")]["subscription"] == "both", "subscription")
        other.send_presence(pstatus="reading")
        async with asyncio.timeout(10):
            while (await one.presence("available", server.jid("pres2")))["status"] != "reading":
                pass
        await other.leave()
        await one.presence("unavailable", server.jid("pres2"))
        again = await Client(server, "pres2").sign_in()
        await one.presence("available", server.jid("pres2"))
        await again.presence("available", server.jid("pres1"))
        expect(
            all(it["from"].bare == server.jid("pres3") for it in [stranger.seen.get_nowait() for _ in range(stranger.seen.qsize())]),
            "a stranger saw presence",
        )
        await again.leave()
