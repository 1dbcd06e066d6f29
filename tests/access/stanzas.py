"""Who gets an answer to which stanza, written by hand from product.md: one row for each handler of the inventory.

What is asked of a thread is answered to its members; to everybody else a thread answers like one that does not exist, and a feed
like nobody's.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.access.apps import Apps
from tests.access.scene import ABSENT, PEOPLE

MEMBERS, ACCOUNTS, ANYONE, OWN_FEED, TRACES = "members", "accounts", "anyone", "own feed", "traces"
RESULT, REFUSED, ECHO, SILENCE = "result", "refused in words", "echo", "silence"

INFO, ITEMS = "http://jabber.org/protocol/disco#info", "http://jabber.org/protocol/disco#items"
ADMIN, OWNER = "http://jabber.org/protocol/muc#admin", "http://jabber.org/protocol/muc#owner"
MAM, RSM, FEED = "urn:xmpp:mam:2", "http://jabber.org/protocol/rsm", "urn:bedside:feed:1"
COMMANDS = "http://jabber.org/protocol/commands"
MUC = "http://jabber.org/protocol/muc"
UPLOAD = "urn:xmpp:http:upload:0"
SLOT = f"iq get service {{{UPLOAD}}}request"


@dataclass(frozen=True)
class Stanza:
    """One row. who: whom it is for. answer: how it is answered to them. xml: what is sent, each of them by itself.

    In `xml`, {to} stands for the address, {nick} for the sender's own name, {hidden} for an entry that is not the sender's.
    occupant: whether it is sent to the sender's own place in the room. joined: whether one has to be in the room.
    """

    who: str
    answer: str
    xml: tuple[str, ...]
    occupant: bool = False
    joined: bool = False

    def written(self, apps: Apps, who: str, to: str, number: int) -> str:
        """Return one of its stanzas as somebody sends it."""
        nick = PEOPLE[who][0] if who in PEOPLE else "Somebody"
        address = f"{to}/{nick}" if self.occupant else to
        hidden = apps.scene.threads["foreign" if who not in ("eve", "bruno") else "direct"].entries["text"]
        return self.xml[number].replace("{to}", address).replace("{nick}", nick).replace("{hidden}", hidden).replace("{absent}", ABSENT)


def _iq(kind: str, *inside: str) -> tuple[str, ...]:
    return tuple(f"<iq type='{kind}' id='q' to='{{to}}'>{one}</iq>" for one in inside)


def _mam(kind: str) -> tuple[str, ...]:
    pages = ("", f"<set xmlns='{RSM}'><max>50</max><before/></set>", f"<set xmlns='{RSM}'><max>0</max></set>")
    return _iq(kind, *(f"<query xmlns='{MAM}'>{page}</query>" for page in pages))


def _message(inside: str, kind: str = "groupchat") -> tuple[str, ...]:
    return (f"<message to='{{to}}' type='{kind}' id='m'>{inside}</message>",)


BODY = "<body>Good day</body>"
GONE = "<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"

STANZAS: dict[str, Stanza] = {
    f"iq get occupant {{{INFO}}}query": Stanza(MEMBERS, RESULT, _iq("get", f"<query xmlns='{INFO}'/>"), occupant=True),
    f"iq get occupant {{{ITEMS}}}query": Stanza(MEMBERS, RESULT, _iq("get", f"<query xmlns='{ITEMS}'/>"), occupant=True),
    "iq get occupant {urn:xmpp:ping}ping": Stanza(MEMBERS, RESULT, _iq("get", "<ping xmlns='urn:xmpp:ping'/>"), occupant=True, joined=True),
    "iq get occupant {vcard-temp}vCard": Stanza(MEMBERS, RESULT, _iq("get", "<vCard xmlns='vcard-temp'/>"), occupant=True),
    "iq get room {vcard-temp}vCard": Stanza(MEMBERS, RESULT, _iq("get", "<vCard xmlns='vcard-temp'/>")),
    f"iq get room {{{INFO}}}query": Stanza(
        MEMBERS, RESULT, _iq("get", f"<query xmlns='{INFO}'/>", f"<query xmlns='{INFO}' node='x-roomuser-item'/>", f"<query xmlns='{INFO}' node='{COMMANDS}'/>")
    ),
    f"iq get room {{{ITEMS}}}query": Stanza(MEMBERS, RESULT, _iq("get", f"<query xmlns='{ITEMS}'/>", f"<query xmlns='{ITEMS}' node='{COMMANDS}'/>")),
    f"iq get room {{{ADMIN}}}query": Stanza(
        MEMBERS, RESULT, _iq("get", *(f"<query xmlns='{ADMIN}'><item affiliation='{name}'/></query>" for name in ("owner", "admin", "member")))
    ),
    f"iq get room {{{OWNER}}}query": Stanza(MEMBERS, REFUSED, _iq("get", f"<query xmlns='{OWNER}'/>")),
    "iq get room {jabber:iq:register}query": Stanza(MEMBERS, REFUSED, _iq("get", "<query xmlns='jabber:iq:register'/>")),
    f"iq get room {{{MAM}}}metadata": Stanza(MEMBERS, RESULT, _iq("get", f"<metadata xmlns='{MAM}'/>")),
    f"iq get room {{{MAM}}}query": Stanza(MEMBERS, RESULT, _iq("get", f"<query xmlns='{MAM}'/>")),
    "iq get room {urn:xmpp:ping}ping": Stanza(MEMBERS, RESULT, _iq("get", "<ping xmlns='urn:xmpp:ping'/>")),
    f"iq get service {{{INFO}}}query": Stanza(ANYONE, RESULT, _iq("get", f"<query xmlns='{INFO}'/>")),
    f"iq get service {{{ITEMS}}}query": Stanza(ACCOUNTS, RESULT, _iq("get", f"<query xmlns='{ITEMS}'/>", f"<query xmlns='{ITEMS}' node='{COMMANDS}'/>")),
    SLOT: Stanza(
        ACCOUNTS, RESULT, _iq("get", f"<request xmlns='{UPLOAD}' filename='knee.jpg' size='1000' content-type='image/jpeg'/>")
    ),
    "iq get service {urn:xmpp:ping}ping": Stanza(ANYONE, RESULT, _iq("get", "<ping xmlns='urn:xmpp:ping'/>")),
    "iq set room {urn:xmpp:message-moderate:1}moderate": Stanza(
        MEMBERS, REFUSED, _iq("set", "<moderate xmlns='urn:xmpp:message-moderate:1' id='{hidden}'><retract xmlns='urn:xmpp:message-retract:1'/></moderate>")
    ),
    "iq set room {urn:xmpp:fasten:0}apply-to": Stanza(
        MEMBERS, REFUSED, _iq("set", "<apply-to xmlns='urn:xmpp:fasten:0' id='{absent}'><moderate xmlns='urn:xmpp:message-moderate:0'>"
                              "<retract xmlns='urn:xmpp:message-retract:0'/></moderate></apply-to>")
    ),
    f"iq set room {{{ADMIN}}}query": Stanza(
        MEMBERS, REFUSED, _iq("set", f"<query xmlns='{ADMIN}'><item affiliation='owner' jid='x@localhost'/></query>",
                              f"<query xmlns='{ADMIN}'><item role='none' nick='Nobody Here'/></query>")
    ),
    f"iq set room {{{OWNER}}}query": Stanza(
        MEMBERS, REFUSED, _iq("set", f"<query xmlns='{OWNER}'><destroy/></query>", f"<query xmlns='{OWNER}'><x xmlns='jabber:x:data' type='submit'/></query>")
    ),
    "iq set room {jabber:iq:register}query": Stanza(MEMBERS, REFUSED, _iq("set", "<query xmlns='jabber:iq:register'/>")),
    f"iq set room {{{MAM}}}query": Stanza(MEMBERS, RESULT, _mam("set")),
    f"iq set room {{{COMMANDS}}}command": Stanza(
        MEMBERS, RESULT, _iq("set", f"<command xmlns='{COMMANDS}' node='mute' action='execute'/>")
    ),
    # Which command is offered to whom is acts.py's; a patient who starts a thread is as welcome as staff.
    f"iq set service {{{COMMANDS}}}command": Stanza(ACCOUNTS, RESULT, _iq("set", f"<command xmlns='{COMMANDS}' node='start' action='execute'/>")),
    "message error feed *": Stanza(TRACES, SILENCE, _message(GONE, "error")),
    "message error occupant *": Stanza(TRACES, SILENCE, _message(GONE, "error"), occupant=True),
    "message error room *": Stanza(TRACES, SILENCE, _message(GONE, "error")),
    "message groupchat occupant *": Stanza(MEMBERS, REFUSED, _message(BODY), occupant=True, joined=True),
    "message groupchat room *": Stanza(MEMBERS, ECHO, _message(BODY), joined=True),
    "message groupchat service *": Stanza(ACCOUNTS, REFUSED, _message(BODY)),
    "message other feed *": Stanza(OWN_FEED, SILENCE, _message(f"<typing xmlns='{FEED}' thread='{ABSENT}' state='composing'/>", "normal")),
    "message other occupant *": Stanza(MEMBERS, REFUSED, _message(BODY, "chat"), occupant=True, joined=True),
    "message other room *": Stanza(MEMBERS, REFUSED, _message(BODY, "chat"), joined=True),
    "message other service *": Stanza(ACCOUNTS, REFUSED, _message(BODY, "chat")),
    "presence available feed *": Stanza(OWN_FEED, ECHO, (f"<presence id='p' to='{{to}}'><feed xmlns='{FEED}'/></presence>",)),
    "presence available occupant *": Stanza(MEMBERS, ECHO, (f"<presence id='p' to='{{to}}'><x xmlns='{MUC}'/></presence>",), occupant=True),
    "presence available room *": Stanza(MEMBERS, ECHO, (f"<presence id='p' to='{{to}}'><x xmlns='{MUC}'/></presence>",)),
    "presence error feed *": Stanza(TRACES, SILENCE, (f"<presence id='p' type='error' to='{{to}}'>{GONE}</presence>",)),
    "presence error occupant *": Stanza(TRACES, SILENCE, (f"<presence id='p' type='error' to='{{to}}'>{GONE}</presence>",), occupant=True),
    "presence error room *": Stanza(TRACES, SILENCE, (f"<presence id='p' type='error' to='{{to}}'>{GONE}</presence>",)),
    "presence subscribe occupant *": Stanza(MEMBERS, REFUSED, ("<presence id='p' type='subscribe' to='{to}'/>",), occupant=True),
    "presence subscribe room *": Stanza(MEMBERS, REFUSED, ("<presence id='p' type='subscribe' to='{to}'/>",)),
    "presence unavailable feed *": Stanza(TRACES, SILENCE, ("<presence id='p' type='unavailable' to='{to}'/>",)),
    "presence unavailable occupant *": Stanza(TRACES, SILENCE, ("<presence id='p' type='unavailable' to='{to}'/>",), occupant=True),
    "presence unavailable room *": Stanza(TRACES, SILENCE, ("<presence id='p' type='unavailable' to='{to}'/>",)),
}
