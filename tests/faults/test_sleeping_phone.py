"""A phone without network, whose session the XMPP server keeps for it (XEP-0198), with the real server and the real component."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

from clinic import outbox
from tests.support.cast import NAMES
from tests.support.clinic import START_SECONDS
from tests.support.crowd import MUC, Member, settle
from tests.support.live_clinic import LiveClinic, live_clinic
from tests.support.ports import eventually
from tests.support.raw_xmpp import CLIENT, SM, Client

pytestmark = pytest.mark.e2e
REVOKED_WITHIN_SECONDS = 5.0


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[LiveClinic]:
    with live_clinic(tmp_path) as place:
        yield place


def sleeping(clinic: LiveClinic, secret: str = "secret", resource: str = "phone") -> str:
    """Ana joins with a phone that then loses its network without a word. Returns by what the session can be resumed."""
    with clinic.server.client() as phone:
        phone.log_in(clinic.cast.handle("ana"), secret, resource)
        token = phone.ask("<enable xmlns='urn:xmpp:sm:3' resume='true'/>", f"{SM}enabled").get("id", "")
        phone.send(f"<presence to='{clinic.room}/{NAMES['ana'][0]}'><x xmlns='{MUC}'><history maxstanzas='0'/></x></presence>")
        while phone.receive(f"{CLIENT}message", f"{CLIENT}presence").find("{*}subject") is None:
            pass
    return token


def woken(clinic: LiveClinic, token: str, secret: str = "secret") -> tuple[Client, str]:
    """Ana's phone has network again. Returns it, and whether its session was `resumed` or has `failed`."""
    phone = clinic.server.client()
    phone.log_in(clinic.cast.handle("ana"), secret, "")
    phone.send(f"<resume xmlns='urn:xmpp:sm:3' h='0' previd='{token}'/>")
    return phone, phone.receive(f"{SM}resumed", f"{SM}failed").tag.removeprefix(SM)


def away(member: Member, nick: str) -> bool:
    """Returns whether a member has heard that somebody left the room."""
    return any(one.tag == f"{CLIENT}presence" and one.get("type") == "unavailable" and one.get("from", "").endswith(f"/{nick}")
               for one in member.stream.waiting)


def heard(client: Client, what: str, seconds: float = 10.0) -> ET.Element:
    """Returns the message with this text."""
    while (one := client.receive(f"{CLIENT}message", seconds=seconds)).findtext("{*}body") != what:
        pass
    return one


def test_a_sleeping_phone_outlives_a_crash_of_the_component_and_hears_all_when_it_wakes(clinic: LiveClinic) -> None:
    boris, chen, token = clinic.member("boris"), clinic.member("chen"), sleeping(clinic)
    clinic.die()
    chen.stream.sock.close()
    clinic.members.remove(chen)
    clinic.start()
    # When Chen's ghost is found out, everybody has been asked for.
    eventually(lambda: (boris.stream.pump(0.1), away(boris, "Chen Cheng"))[1], START_SECONDS, "the ghost is gone")
    assert not away(boris, "Ana Alvarez")
    boris.say("while-you-slept")
    settle([boris], lambda: not boris.outbox, 10.0)
    phone, outcome = woken(clinic, token)
    with phone:
        assert outcome == "resumed"
        heard(phone, "while-you-slept")
        answer = phone.ask(f"<iq type='get' id='p' to='{clinic.room}/Ana Alvarez'><ping xmlns='urn:xmpp:ping'/></iq>", id="p")
        assert answer.get("type") == "result"


def test_revoking_a_device_ends_its_sleeping_session_within_five_seconds(clinic: LiveClinic) -> None:
    cast, boris = clinic.cast, clinic.member("boris")
    device = clinic.db.perform(cast.ana, "device.mint", name="Phone").value
    clinic.web.passwords[cast.handle("ana"), "phone"] = device.uid
    token = sleeping(clinic, "phone")
    clinic.db.perform(cast.ana, "device.revoke", device.uid)
    eventually(lambda: (boris.stream.pump(0.05), away(boris, "Ana Alvarez"))[1], REVOKED_WITHIN_SECONDS, "the session has ended")
    laptop, outcome = woken(clinic, token)
    laptop.sock.close()
    assert outcome == "failed"


def test_a_revocation_that_a_kill_interrupts_is_done_within_five_seconds_of_the_next_start(clinic: LiveClinic) -> None:
    cast, boris = clinic.cast, clinic.member("boris")
    device = clinic.db.perform(cast.ana, "device.mint", name="Phone").value
    clinic.web.passwords[cast.handle("ana"), "phone"] = device.uid
    sleeping(clinic, "phone")
    clinic.die()
    clinic.db.perform(cast.ana, "device.revoke", device.uid)
    assert "xmpp.disconnect" in [job.name for job in outbox.claim(clinic.db, "threads")]  # so far the killed process had come
    clinic.start()
    eventually(clinic.ready.exists, START_SECONDS, "the component serves")
    eventually(lambda: (boris.stream.pump(0.05), away(boris, "Ana Alvarez"))[1], REVOKED_WITHIN_SECONDS, "the session has ended")


def test_thirty_abandoned_sessions_of_one_phone_leave_five_in_the_room(clinic: LiveClinic) -> None:
    for number in range(30):
        sleeping(clinic, resource=f"abandoned {number}")
    eventually(lambda: len(clinic.live()) == 5, what="the oldest are gone")
    assert {address.rpartition(" ")[2] for address in clinic.live()} == {str(number) for number in range(25, 30)}


def test_what_an_app_sends_to_its_own_account_is_not_kept(clinic: LiveClinic) -> None:
    handle = clinic.cast.handle("ana")
    with clinic.server.client() as unseen:  # without presence it counts as offline
        unseen.log_in(handle, "secret", "unseen")
        refused = unseen.ask(f"<message type='chat' id='m' to='{handle}@localhost'><body>fill the disk</body></message>", f"{CLIENT}message", id="m")
        assert refused.get("type") == "error"
    assert not (clinic.server.layout.folder("prosody") / "localhost" / "offline").exists()
