"""Checks of multi-user chat."""

import asyncio

from slixmpp import JID
from slixmpp.exceptions import IqError, PresenceError

import raw
from registry import check, equal, expect
from stock import signed_in

ADMIN = "http://jabber.org/protocol/muc#admin"
OWNER = "http://jabber.org/protocol/muc#owner"


def room_of(server, name):
    """A room's address."""
    return JID(f"{name}@conference.{server.domain}")


async def enter(client, room, nick):
    """Joins, and opens the room if it is new and locked."""
    await client["xep_0045"].join_muc_wait(room, nick, maxstanzas=50, timeout=10)


def unlock(stream, room):
    """Accepts the default settings of a new room."""
    return stream.iq("set", f"<query xmlns='{OWNER}'><x xmlns='jabber:x:data' type='submit'/></query>", to=room)


@check("XEP-0045")
async def a_room_carries_talk_subject_and_history(server):
    """Occupants see each other and every message once; who comes later gets the history and the subject."""
    server.add("muc1", "muc2", "muc3")
    room = room_of(server, "hall")
    async with signed_in(server, "muc1", "muc2", "muc3") as (one, two, three):
        await enter(one, room, "One")
        form = raw.ElementTree.fromstring(f"<query xmlns='{OWNER}'><x xmlns='jabber:x:data' type='submit'/></query>")
        iq = one.make_iq_set(ito=room)
        iq.xml.append(form)
        await iq.send()
        await enter(two, room, "Two")
        for number in range(5):
            one.send_message(room, f"g{number}", mtype="groupchat")
        for client in (one, two):
            equal(await client.bodies(5), [f"g{n}" for n in range(5)], f"talk seen by {client.boundjid.user}")
        two.send_message(room, "by two", mtype="groupchat")
        got = await one.message(body="by two")
        equal(got["from"].resource, "Two", "nick")
        one["xep_0045"].set_subject(room, "Harbour dues")
        await asyncio.sleep(0.3)
        seen = []
        three.add_event_handler("groupchat_subject", lambda it: seen.append(it["subject"]))
        await enter(three, room, "Three")
        await asyncio.sleep(0.5)
        equal(await three.silence(0.3), [f"g{n}" for n in range(5)] + ["by two"], "history")
        equal(sorted(one["xep_0045"].get_roster(room)), ["One", "Three", "Two"], "occupants")
        expect("Harbour dues" in seen, f"subject: {seen}")
        two.send_message(f"{room}/One", "aside", mtype="chat")
        await one.message(body="aside")


@check("XEP-0045", "XEP-0313")
async def a_room_has_an_archive_of_its_own(server):
    """The room's archive is read page by page, and its entries have the ids that occupants saw."""
    server.add("muca")
    room = str(room_of(server, "annals"))
    stream = raw.session(server, "muca", "x")
    stream.write(f"<presence to='{room}/Me'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
    stream.wait(lambda it: it.tag == raw.CLIENT + "presence" and (it.get("from") or "").startswith(room))
    unlock(stream, room)
    ids = []
    for number in range(12):
        stream.write(f"<message to='{room}' type='groupchat' id='g{number}'><body>{number}</body></message>")
        got = stream.wait(lambda it: it.findtext(raw.CLIENT + "body") == str(number))
        ids += [it.get("id") for it in got.iter("{urn:xmpp:sid:0}stanza-id") if it.get("by") == room]
    kept = [(name, it.findtext(raw.CLIENT + "body")) for name, it in stream.archive(5, owner=room) if it.findtext(raw.CLIENT + "body")]
    equal(kept, list(zip(ids, map(str, range(12)))), "the archive")
    stream.close()


@check("XEP-0410")
async def a_self_ping_tells_whether_one_is_still_there(server):
    """Who is in the room gets an answer; who is not, an error that says so."""
    server.add("mucp")
    room = str(room_of(server, "echo"))
    stream = raw.session(server, "mucp", "x")
    stream.write(f"<presence to='{room}/Me'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
    stream.wait(lambda it: it.tag == raw.CLIENT + "presence" and (it.get("from") or "").startswith(room))
    unlock(stream, room)
    stream.serial += 1
    inside = ping(stream, f"{room}/Me")
    stream.write(f"<presence to='{room}/Me' type='unavailable'/>")
    stream.wait(lambda it: it.tag == raw.CLIENT + "presence" and it.get("type") == "unavailable")
    outside = ping(stream, f"{room}/Me")
    error = outside.find(raw.CLIENT + "error")
    equal(outside.get("type"), "error", "outside")
    stream.close()
    return {"inside": inside.get("type"), "outside": [it.tag.split("}")[1] for it in error][:1]}


def ping(stream, to):
    """Pings, and answers the same ping if the room sends it on to us."""
    stream.serial += 1
    name = f"p{stream.serial}"
    stream.write(f"<iq type='get' id='{name}' to='{to}'><ping xmlns='urn:xmpp:ping'/></iq>")
    while True:
        element = stream.next()
        if element.tag != raw.CLIENT + "iq":
            continue
        if element.get("type") == "get":
            stream.write(f"<iq type='result' id='{element.get('id')}' to='{element.get('from')}'/>")
        elif element.get("id") == name:
            return element


@check("XEP-0045")
async def an_owner_keeps_order(server):
    """An owner kicks, bans and makes a room members-only; who is banned does not come back."""
    server.add("muco", "mucb")
    room = room_of(server, "court")
    async with signed_in(server, "muco", "mucb") as (owner, bad):
        await enter(owner, room, "Owner")
        iq = owner.make_iq_set(ito=room)
        iq.xml.append(raw.ElementTree.fromstring(f"<query xmlns='{OWNER}'><x xmlns='jabber:x:data' type='submit'/></query>"))
        await iq.send()
        await enter(bad, room, "Bad")
        gone = asyncio.ensure_future(bad.wait_until(f"muc::{room}::got_offline", 10))
        await owner["xep_0045"].set_affiliation(room, "outcast", jid=bad.boundjid.bare)
        await gone
        try:
            await bad["xep_0045"].join_muc_wait(room, "Bad", timeout=5)
        except (PresenceError, TimeoutError) as error:
            refused = getattr(error, "condition", "no answer")
        else:
            raise AssertionError("a banned user came back")
        try:
            await bad["xep_0045"].set_affiliation(room, "owner", jid=bad.boundjid.bare)
            raise AssertionError("a banned user made himself owner")
        except IqError as error:
            return {"join": refused, "usurp": error.condition}


@check("XEP-0249", "XEP-0045")
async def a_direct_invitation_arrives(server):
    """An invitation from person to person arrives as it was sent."""
    server.add("inv1", "inv2")
    async with signed_in(server, "inv1", "inv2") as (one, two):
        invited = asyncio.ensure_future(two.wait_until("groupchat_direct_invite", 10))
        one["xep_0249"].send_invitation(two.boundjid.full, room_of(server, "hall"), reason="come")
        got = await invited
        equal(str(got["groupchat_invite"]["jid"]), str(room_of(server, "hall")), "room")
