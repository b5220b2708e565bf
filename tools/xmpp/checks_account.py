"""Checks of what an account keeps: roster, vCard, PEP, blocking, private storage, uploads; and of what it keeps from others."""

import base64
import hashlib
import urllib.request
import xml.etree.ElementTree as ElementTree
from xml.sax.saxutils import escape

import raw
from registry import NotOffered, check, equal, expect
from stock import befriend, signed_in, until

PUBSUB = "http://jabber.org/protocol/pubsub"
OPTIONS = PUBSUB + "#publish-options"


def condition(answer):
    """The defined condition of an error stanza."""
    error = answer.find(raw.CLIENT + "error")
    names = [it.tag.split("}")[1] for it in error if "ietf:params:xml:ns:xmpp-stanzas" in it.tag] if error is not None else []
    return names[0] if names else None


def form(kind, **fields):
    """A submitted data form."""
    rows = "".join(f"<field var='{name.replace('__', '#')}'><value>{value}</value></field>" for name, value in fields.items())
    return (
        f"<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>{kind}</value></field>{rows}</x>"
    )


def publish(stream, node, item, payload, **options):
    """Publishes on the account's own PEP; returns the answer."""
    wishes = f"<publish-options>{form(OPTIONS, **options)}</publish-options>" if options else ""
    return stream.iq(
        "set",
        f"<pubsub xmlns='{PUBSUB}'><publish node='{escape(node)}'><item id='{item}'>{payload}</item></publish>{wishes}</pubsub>",
    )


def items(stream, owner, node):
    """(condition of the refusal or None, ids of the items) of a node."""
    answer = stream.iq("get", f"<pubsub xmlns='{PUBSUB}'><items node='{escape(node)}'/></pubsub>", to=owner)
    return condition(answer), [it.get("id") for it in answer.iter(f"{{{PUBSUB}}}item")]


@check("RFC 6121")
async def roster_is_kept_pushed_and_versioned(server):
    """An entry made on one device is pushed to the other, survives sign-out, and an unchanged roster is not sent again."""
    server.add("rost1")
    async with signed_in(server, "rost1/a", "rost1/b") as (one, other):
        await one.update_roster("friend@example.org", name="Friend", groups=["Old", "New"])
        await until(lambda: other.client_roster["friend@example.org"]["name"] == "Friend", "push to the other device")
        equal(sorted(other.client_roster["friend@example.org"]["groups"]), ["New", "Old"], "groups")
    stream = raw.session(server, "rost1", "c", available=False)
    answer = stream.iq("get", "<query xmlns='jabber:iq:roster' ver=''/>")
    query = answer.find("{jabber:iq:roster}query")
    equal([it.get("jid") for it in query], ["friend@example.org"], "roster")
    version = query.get("ver")
    if version is None:
        raise NotOffered("no roster version")
    answer = stream.iq("get", f"<query xmlns='jabber:iq:roster' ver='{escape(version)}'/>")
    expect(answer.find("{jabber:iq:roster}query") is None, "an unchanged roster was sent again")
    stream.iq("set", "<query xmlns='jabber:iq:roster'><item jid='friend@example.org' subscription='remove'/></query>")
    answer = stream.iq("get", "<query xmlns='jabber:iq:roster'/>")
    equal(len(answer.find("{jabber:iq:roster}query")), 0, "entries after removal")
    stream.close()


@check("XEP-0054", "XEP-0153")
async def vcard_is_kept_and_shown(server):
    """A vCard with a picture is stored, and another account reads it."""
    server.add("vc1", "vc2")
    async with signed_in(server, "vc1", "vc2") as (one, other):
        card = one["xep_0054"].make_vcard()
        card["FN"], card["NICKNAME"] = "Valentina", "Val"
        await one["xep_0054"].publish_vcard(card)
        got = await other["xep_0054"].get_vcard(one.boundjid.bare, cached=False)
        equal(got["vcard_temp"]["FN"], "Valentina", "name")


@check("XEP-0084", "XEP-0398")
async def an_avatar_published_by_pep_is_in_the_vcard(server):
    """A picture published the modern way is read the old way."""
    server.add("av1", "av2")
    async with signed_in(server, "av1", "av2") as (one, other):
        picture = b"\x89PNG\r\n\x1a\n" + bytes(range(200))
        await one["xep_0084"].publish_avatar(picture)
        name = one["xep_0084"].generate_id(picture)
        await one["xep_0084"].publish_avatar_metadata({"id": name, "type": "image/png", "bytes": len(picture)})
        await befriend(one, other)
        got = await other["xep_0084"].retrieve_avatar(one.boundjid.bare, name)
        equal(got["pubsub"]["items"]["item"]["avatar_data"]["value"], picture, "picture")
        card = await other["xep_0054"].get_vcard(one.boundjid.bare, cached=False)
        if not card["vcard_temp"]["PHOTO"]["BINVAL"]:
            raise NotOffered("no conversion to the vCard")
        equal(card["vcard_temp"]["PHOTO"]["BINVAL"], picture, "picture in the vCard")


@check("XEP-0163", "XEP-0060", "XEP-0115")
async def pep_notifies_contacts_who_asked(server):
    """A contact whose capabilities say so is told of an item at once, and again when it comes back online."""
    server.add("pep1", "pep2")
    one, other = raw.session(server, "pep1", "x"), raw.session(server, "pep2", "y", available=False)
    features = ("http://jabber.org/protocol/disco#info", "urn:example:tune+notify")
    text = "client/pc//x<" + "".join(f"{it}<" for it in sorted(features))
    version = base64.b64encode(hashlib.sha1(text.encode()).digest()).decode()
    caps = (
        "<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='https://example.org/caps'"
        f" ver='{version}'/></presence>"
    )
    for stream in (one, other):
        # Only who has asked for the roster is told of changes to it.
        stream.iq("get", "<query xmlns='jabber:iq:roster'/>")
    other.write(caps)
    for asking, asked in ((one, other), (other, one)):
        asking.write(f"<presence to='{asked.jid.split('/')[0]}' type='subscribe'/>")
        asked.wait(lambda it: tells(asked, it, features) or it.get("type") == "subscribe")
        asked.write(f"<presence to='{asking.jid.split('/')[0]}' type='subscribed'/>")
        asking.wait(lambda it: tells(asking, it, features) or it.get("type") == "subscribed")
    try:
        # The server may still be asking what the contact's capabilities are.
        other.wait(lambda it: tells(other, it, features), timeout=1.0)
    except TimeoutError:
        pass
    payload = "<tune xmlns='urn:example:tune'><title>Air</title></tune>"
    equal(publish(one, "urn:example:tune", "current", payload).get("type"), "result", "publish")
    event = lambda it: tells(other, it, features) or any(
        items.get("node") == "urn:example:tune" for items in it.iter("{http://jabber.org/protocol/pubsub#event}items")
    )
    equal(other.wait(event, timeout=8).get("from"), server.jid("pep1"), "sender of the event")
    other.write("<presence type='unavailable'/>" + caps)
    other.wait(event, timeout=8)
    one.close()
    other.close()


def tells(stream, element, features):
    """Answers a question for the client's capabilities; never what is waited for."""
    query = element.find("{http://jabber.org/protocol/disco#info}query")
    if element.tag == raw.CLIENT + "iq" and element.get("type") == "get" and query is not None:
        listed = "".join(f"<feature var='{it}'/>" for it in features)
        node = f" node='{query.get('node')}'" if query.get("node") else ""
        stream.write(
            f"<iq type='result' id='{element.get('id')}' to='{element.get('from') or stream.domain}'>"
            f"<query xmlns='http://jabber.org/protocol/disco#info'{node}><identity category='client' type='pc' name='x'/>"
            f"{listed}</query></iq>"
        )
    return False


@check("XEP-0384", "XEP-0060")
async def pep_has_what_omemo_asks_of_a_server(server):
    """Publish-options with open access and `max` items work unconfigured; a stranger reads; a precondition is kept."""
    server.add("om1", "om2")
    one, stranger = raw.session(server, "om1", "x"), raw.session(server, "om2", "y")
    node, payload = "urn:xmpp:omemo:2:bundles", "<bundle xmlns='urn:xmpp:omemo:2'/>"
    wishes = {"pubsub__access_model": "open", "pubsub__max_items": "max", "pubsub__persist_items": "true"}
    answer = publish(one, node, "31415", payload, **wishes)
    equal((answer.get("type"), condition(answer)), ("result", None), "publish with options")
    for number in range(5):
        publish(one, node, str(number), payload, **wishes)
    refused, found = items(stranger, server.jid("om1"), node)
    equal(refused, None, "a stranger reads an open node")
    equal(sorted(found), sorted(["31415", "0", "1", "2", "3", "4"]), "items")
    answer = publish(one, node, "x", payload, pubsub__access_model="whitelist")
    equal(condition(answer), "conflict", "a precondition that does not hold")
    private = publish(one, "urn:example:closed", "x", "<x xmlns='urn:x'/>", pubsub__access_model="whitelist")
    equal(private.get("type"), "result", "a private node")
    refused, found = items(stranger, server.jid("om1"), "urn:example:closed")
    expect(refused is not None and not found, "a stranger read a private node")
    one.close()
    stranger.close()


@check("XEP-0191")
async def a_blocked_sender_is_not_heard(server):
    """Blocking holds on every device, blocks messages and presence, answers the sender like somebody who is not there, and can be taken back."""
    server.add("bl1", "bl2")
    async with signed_in(server, "bl1/a", "bl1/b", "bl2") as (one, second, bad):
        await one["xep_0191"].block({bad.boundjid.bare})
        equal({str(it) for it in await second["xep_0191"].get_blocked_jids()}, {bad.boundjid.bare}, "block list")
        stream = raw.session(server, "bl2", "raw")
        stream.write(f"<message to='{server.jid('bl1')}' type='chat' id='b1'><body>psst</body></message>")
        answer = stream.wait(lambda it: it.get("id") == "b1", timeout=5)
        equal((answer.get("type"), condition(answer)), ("error", "service-unavailable"), "answer to the blocked")
        equal(await one.silence() + await second.silence(0.1), [], "messages of the blocked")
        await one["xep_0191"].unblock({bad.boundjid.bare})
        bad.send_message(server.jid("bl1"), "again", mtype="chat")
        await one.message(body="again")
        stream.close()


@check("XEP-0049", "XEP-0048")
async def private_storage_is_private_and_kept(server):
    """What a client stores it finds again."""
    server.add("priv1")
    one = raw.session(server, "priv1", "x")
    data = "<storage xmlns='storage:bookmarks'><conference jid='r@conference.example.org' name='R'/></storage>"
    equal(one.iq("set", f"<query xmlns='jabber:iq:private'>{data}</query>").get("type"), "result", "store")
    got = one.iq("get", "<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'/></query>")
    equal([it.get("name") for it in got.iter("{storage:bookmarks}conference")], ["R"], "bookmarks")
    one.close()


@check("XEP-0402", "XEP-0223")
async def bookmarks_are_private_and_pushed(server):
    """Bookmarks in PEP are kept for their owner alone."""
    server.add("bm1", "bm2")
    one, stranger = raw.session(server, "bm1", "x"), raw.session(server, "bm2", "y")
    wishes = {
        "pubsub__persist_items": "true", "pubsub__max_items": "max", "pubsub__send_last_published_item": "never",
        "pubsub__access_model": "whitelist",
    }
    payload = "<conference xmlns='urn:xmpp:bookmarks:1' name='Room' autojoin='true'/>"
    for room in ("a@conference.example.org", "b@conference.example.org"):
        answer = publish(one, "urn:xmpp:bookmarks:1", room, payload, **wishes)
        equal((answer.get("type"), condition(answer)), ("result", None), "publish")
    equal(sorted(items(one, None, "urn:xmpp:bookmarks:1")[1]), ["a@conference.example.org", "b@conference.example.org"], "bookmarks")
    refused, found = items(stranger, server.jid("bm1"), "urn:xmpp:bookmarks:1")
    expect(refused is not None and not found, "a stranger read bookmarks")
    one.close()
    stranger.close()


@check("XEP-0352")
async def an_inactive_client_loses_no_message(server):
    """A client that says it is inactive still gets every message."""
    server.add("csi1", "csi2")
    async with signed_in(server, "csi1", "csi2") as (one, other):
        other["xep_0352"].send_inactive()
        for number in range(5):
            one.send_message(other.boundjid.bare, f"c{number}", mtype="chat")
        equal(await other.bodies(5), [f"c{n}" for n in range(5)], "messages")
        other["xep_0352"].send_active()


@check("XEP-0030", "XEP-0199", "XEP-0092", "XEP-0202")
async def the_server_says_what_it_is(server):
    """Service discovery lists features, rooms and uploads; ping, version and time are answered."""
    server.add("disc1")
    async with signed_in(server, "disc1") as one:
        info = await one["xep_0030"].get_info(server.domain)
        own = await one["xep_0030"].get_info(server.jid("disc1"))
        features = set(info["disco_info"]["features"]) | set(own["disco_info"]["features"])
        wanted = {"urn:xmpp:mam:2", "urn:xmpp:carbons:2", "urn:xmpp:blocking", "vcard-temp", "urn:xmpp:sid:0"}
        equal(wanted - features, set(), "features that are not announced")
        listed = await one["xep_0030"].get_items(server.domain)
        kinds = set()
        for jid, _, _ in listed["disco_items"]["items"]:
            part = await one["xep_0030"].get_info(jid)
            kinds |= {(it[0], it[1]) for it in part["disco_info"]["identities"]}
        expect(("conference", "text") in kinds, f"rooms are not listed: {kinds}")
        expect(("pubsub", "pep") in {(it[0], it[1]) for it in own["disco_info"]["identities"]}, "PEP is not announced")
        await one["xep_0199"].ping(server.domain)
        version = await one["xep_0092"].get_version(server.domain)
        await one["xep_0202"].get_entity_time(server.domain)
        return {"software": version["software_version"]["name"], "components": sorted(map(str, kinds))}


@check("XEP-0363")
async def a_file_is_uploaded_and_fetched(server):
    """A slot is given, the file is put and got back unchanged, and a bigger one than asked for is refused."""
    server.add("up1")
    one = raw.session(server, "up1", "x")
    found = one.iq("get", "<query xmlns='http://jabber.org/protocol/disco#items'/>", to=server.domain)
    hosts = [it.get("jid") for it in found.iter("{http://jabber.org/protocol/disco#items}item")]
    service = None
    for host in hosts:
        info = one.iq("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>", to=host)
        if any(it.get("var") == "urn:xmpp:http:upload:0" for it in info.iter("{http://jabber.org/protocol/disco#info}feature")):
            service = host
    if service is None:
        raise NotOffered(f"no upload service among {hosts}")
    data = bytes(range(256)) * 40
    answer = one.iq(
        "get", f"<request xmlns='urn:xmpp:http:upload:0' filename='p.bin' size='{len(data)}' content-type='application/octet-stream'/>", to=service
    )
    slot = answer.find("{urn:xmpp:http:upload:0}slot")
    expect(slot is not None, f"no slot: {condition(answer)}")
    put, get = slot[0], slot[1]
    headers = {it.get("name"): it.text for it in put}
    headers.setdefault("Content-Type", "application/octet-stream")
    request = urllib.request.Request(put.get("url"), data=data, method="PUT", headers=headers)
    equal(urllib.request.urlopen(request, timeout=10).status // 100, 2, "status of PUT")
    equal(urllib.request.urlopen(get.get("url"), timeout=10).read(), data, "the file")
    answer = one.iq("get", "<request xmlns='urn:xmpp:http:upload:0' filename='big' size='99999999999'/>", to=service)
    equal(answer.get("type"), "error", "a slot beyond every limit")
    one.close()


SECRET = "secret@kept.example"
#: What one account may try on another's address, and must not get.
INTRUSIONS = {
    "archive": ("set", "<query xmlns='urn:xmpp:mam:2'/>"),
    "roster": ("get", "<query xmlns='jabber:iq:roster'/>"),
    "private storage": ("get", "<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'/></query>"),
    "block list": ("get", "<blocklist xmlns='urn:xmpp:blocking'/>"),
    "vCard (write)": ("set", "<vCard xmlns='vcard-temp'><FN>Mallory</FN></vCard>"),
    "private node": ("get", f"<pubsub xmlns='{PUBSUB}'><items node='urn:xmpp:bookmarks:1'/></pubsub>"),
    "publish": ("set", f"<pubsub xmlns='{PUBSUB}'><publish node='urn:x'><item/></publish></pubsub>"),
    "last activity": ("get", "<query xmlns='jabber:iq:last'/>"),
}


@check("RFC 6120", "RFC 6121")
async def others_get_nothing_and_learn_nothing(server):
    """Each attempt on another account is refused, with the same words whether that account exists or not."""
    server.add("victim", "mallory")
    victim = raw.session(server, "victim", "x")
    publish(victim, "urn:xmpp:bookmarks:1", SECRET, "<conference xmlns='urn:xmpp:bookmarks:1'/>", pubsub__access_model="whitelist")
    for payload in (
        f"<query xmlns='jabber:iq:roster'><item jid='{SECRET}'/></query>",
        f"<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'><conference jid='{SECRET}'/></storage></query>",
        f"<block xmlns='urn:xmpp:blocking'><item jid='{SECRET}'/></block>",
    ):
        equal(victim.iq("set", payload).get("type"), "result", "what is to be kept secret")
    victim.write(f"<message to='{server.jid('victim')}' type='chat'><body>{SECRET}</body></message>")
    mallory = raw.session(server, "mallory", "y")
    telling = {}
    for name, (kind, payload) in INTRUSIONS.items():
        answers = [mallory.iq(kind, payload, to=it) for it in (server.jid("victim"), f"no-such-user@{server.domain}")]
        said = [(it.get("type"), condition(it)) for it in answers]
        expect(SECRET not in ElementTree.tostring(answers[0], encoding="unicode"), f"{name} was told")
        if said[0] != said[1]:
            telling[name] = said
    card = victim.iq("get", "<vCard xmlns='vcard-temp'/>")
    expect("Mallory" not in ElementTree.tostring(card, encoding="unicode"), "Mallory wrote the victim's vCard")
    victim.close()
    mallory.close()
    equal(telling, {}, "answers that tell whether an account exists")
