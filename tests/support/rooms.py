"""What tests of rooms ask again and again: how a refusal looks, what the log holds, what came back of what was sent."""

import xml.etree.ElementTree as ET

from clinic import Actor
from clinic.thread.relay import entries_after
from tests.support.stage import Client, Stage

STANZAS = "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'"


def refusal(condition: str, words: str = "*") -> str:
    """Returns the error that a refused message carries."""
    return f"<error><{condition} {STANZAS}/><text {STANZAS}>{words}</text></error>"


def archived(stage: Stage) -> list[str]:
    """Returns the bodies of the texts in the log."""
    with stage.db.read(Actor.system()) as work:
        return [entry.body for entry in entries_after(work, stage.thread, 0, 1000) if entry.kind == "text"]


async def answered(client: Client, ids: set[str]) -> list[ET.Element]:
    """Returns what comes back under these ids, echoed or refused, once there is something for each."""
    found: dict[str, ET.Element] = {}
    while ids - set(found):
        one = await client.hears()
        if one.get("id") in ids:
            found[one.get("id", "")] = one
    return list(found.values())
