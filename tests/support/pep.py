"""What a server keeps of people's bookmarks, as far as the threads component asks: a stand-in for XEP-0356 in front of XEP-0402."""

import copy
import xml.etree.ElementTree as ET

PUBSUB = "{http://jabber.org/protocol/pubsub}"
PRIVILEGED = "{urn:xmpp:privilege:2}privileged_iq"
NODE = "urn:xmpp:bookmarks:1"
STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas"


class Bookmarks:
    """`of` holds the bookmarks by bare JID and room; `asked` counts what was asked, `allows` says whether it is answered at all."""

    def __init__(self) -> None:
        self.of: dict[str, dict[str, ET.Element]] = {}
        self.asked = {"items": 0, "publish": 0, "retract": 0}
        self.allows = True

    def answer(self, iq: ET.Element) -> str:
        """Returns the server's answer to a privileged request."""
        account, ends = iq.get("to", ""), f"id='{iq.get('id')}' from='{iq.get('to')}' to='{iq.get('from')}'"
        if not self.allows:
            return f"<iq type='error' {ends}><error type='auth'><forbidden xmlns='{STANZAS}'/></error></iq>"
        wrapped = iq[0][0]
        type_, inside = self._done(account, wrapped[0][0])
        return (f"<iq type='result' {ends}><privilege xmlns='urn:xmpp:privilege:2'><forwarded xmlns='urn:xmpp:forward:0'>"
                f"<iq xmlns='jabber:client' type='{type_}' id='{wrapped.get('id')}'>{inside}</iq></forwarded></privilege></iq>")

    def _done(self, account: str, part: ET.Element) -> tuple[str, str]:
        assert part.get("node") == NODE
        kind, item = part.tag.removeprefix(PUBSUB), part[0]
        self.asked[kind] += 1
        room = item.get("id", "")
        if kind == "publish":
            self.of.setdefault(account, {})[room] = copy.deepcopy(item[0])
            return "result", ""
        if account not in self.of or (kind == "retract" and room not in self.of[account]):
            return "error", f"<error type='cancel'><item-not-found xmlns='{STANZAS}'/></error>"
        if kind == "retract":
            del self.of[account][room]
            return "result", ""
        found = self.of[account].get(room)
        content = "" if found is None else f"<item id='{room}'>{ET.tostring(found, encoding='unicode')}</item>"
        return "result", f"<pubsub xmlns='{PUBSUB[1:-1]}'><items node='{NODE}'>{content}</items></pubsub>"
