"""What a crash test compares: the archive by the test's own SQL, by MAM, and what was acknowledged. Imports nothing of the product."""

from collections.abc import Mapping
from xml.etree.ElementTree import Element

from tests.support.crowd import Member
from tests.support.databases import rows
from tests.support.raw_xmpp import Client

MAM, RSM = "urn:xmpp:mam:2", "http://jabber.org/protocol/rsm"


def stored(url: str, thread: str) -> list[tuple[str, str, str]]:
    """Returns (uid, client id, kind) of every entry of a thread in the order of its log."""
    query = "SELECT e.uid, e.client_id, e.kind FROM entries e JOIN threads t ON t.id = e.thread_id WHERE t.uid = :thread ORDER BY e.seq"
    return [tuple(row) for row in rows(url, query, thread=thread)]


def integrity(url: str) -> str:
    """Returns what SQLite's own check says; "ok" when all is well."""
    [(said,)] = rows(url, "PRAGMA integrity_check")
    broken = rows(url, "PRAGMA foreign_key_check")
    return f"foreign keys {broken}" if broken else said


def mam(stream: Client, room: str) -> list[str]:
    """Returns the archive ids of a room, all pages, in the order in which they come."""
    found: list[str] = []
    for number in range(1000):
        after = f"<after>{found[-1]}</after>" if found else ""
        stream.send(
            f"<iq type='set' id='mam-{number}' to='{room}'><query xmlns='{MAM}' queryid='q{number}'>"
            f"<set xmlns='{RSM}'><max>100</max>{after}</set></query></iq>"
        )
        while (stanza := stream.receive(seconds=10)).get("id") != f"mam-{number}":
            result = stanza.find(f"{{{MAM}}}result")
            if result is not None:
                found.append(result.get("id", ""))
        fin = stanza.find(f"{{{MAM}}}fin")
        assert fin is not None, f"the archive refused: {stanza.get('type')}"
        if fin.get("complete") == "true":
            return found
    raise AssertionError("the archive never ends")


class Listener(Member):
    """A crowd's member who also keeps the words of each refusal: (condition, type, text)."""

    def __init__(self, stream: Client, room: str, nick: str, handle: str):
        super().__init__(stream, room, nick, handle)
        self.words: list[tuple[str, str, str]] = []

    def take(self, stanza: Element) -> None:
        """Notes what a stanza says, and in which words it refuses."""
        super().take(stanza)
        error = stanza.find("{jabber:client}error")
        if error is not None:
            condition = next((child.tag.rpartition("}")[2] for child in error if not child.tag.endswith("}text")), "")
            self.words.append((condition, error.get("type", ""), error.findtext("{*}text", "")))


def check(
    log: list[tuple[str, str, str]], before: int, attempted: set[str], acknowledged: Mapping[str, str], heard: Mapping[str, list[str]], seed: object
) -> None:
    """Compares the log after its first `before` entries with what was sent and heard: facts/reliability, invariants I1 to I4.

    acknowledged: client id → uid as echoed or answered. heard: who → uids in the order in which they came.
    """
    burst = log[before:]
    by_client_id = {client_id: uid for uid, client_id, _kind in burst}
    lost = {client_id for client_id, uid in acknowledged.items() if by_client_id.get(client_id) != uid}
    assert not lost, f"seed {seed}: acknowledged and not archived: {sorted(lost)}"
    assert set(by_client_id) == attempted == set(acknowledged), f"seed {seed}"
    assert len(burst) == len(attempted), f"seed {seed}: something is stored twice"
    for who, order in heard.items():
        assert order == [uid for uid, _client_id, _kind in burst], f"seed {seed}: {who} saw another order"
