"""Two slixmpp clients, the real Prosody and the real component: joining, talking, the archive, self-ping, revocation."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from slixmpp import JID, ClientXMPP
from slixmpp.exceptions import IqError

from tests.support.cast import NAMES
from tests.support.live_clinic import LiveClinic, live_clinic

PATIENCE = 10.0


class Phone(ClientXMPP):
    """A client with the extensions of an everyday app."""

    def __init__(self, clinic: LiveClinic, name: str):
        super().__init__(f"{clinic.cast.handle(name)}@localhost/phone", "secret")
        for plugin in ("xep_0030", "xep_0045", "xep_0059", "xep_0199", "xep_0313", "xep_0359"):
            self.register_plugin(plugin)
        self.room, self.nick = JID(clinic.room), NAMES[name][0]
        self.heard: asyncio.Queue[Any] = asyncio.Queue()
        self.add_event_handler("groupchat_message", self.heard.put_nowait)
        self._port = clinic.server.layout.c2s_port
        self.ssl_context = ssl.create_default_context(cafile=str(clinic.server.ca))
        self.enable_direct_tls = False

    async def comes(self) -> None:
        """Logs in by STARTTLS and joins the room."""
        started = asyncio.get_running_loop().create_future()
        self.add_event_handler("session_start", lambda _event: started.done() or started.set_result(None))
        self.add_event_handler("failed_all_auth", lambda _event: started.done() or started.set_exception(AssertionError("not let in")))
        self.connect("127.0.0.1", self._port)
        await asyncio.wait_for(started, PATIENCE)
        self.send_presence()
        await self.plugin["xep_0045"].join_muc_wait(self.room, self.nick, maxstanzas=0, timeout=PATIENCE)

    async def hears(self) -> Any:
        """Returns the next message of the room."""
        return await asyncio.wait_for(self.heard.get(), PATIENCE)


async def shows(client: Phone, people: set[str]) -> None:
    """Waits until a client shows just these people in the room."""
    async with asyncio.timeout(PATIENCE):
        while set(client.plugin["xep_0045"].get_roster(client.room)) != people:
            await asyncio.sleep(0.05)


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[LiveClinic]:
    with live_clinic(tmp_path) as place:
        yield place


def play(clinic: LiveClinic, scene: Callable[[Phone, Phone], Awaitable[None]]) -> None:
    """Plays a scene between Ana and Boris."""
    async def whole() -> None:
        ana, boris = Phone(clinic, "ana"), Phone(clinic, "boris")
        try:
            await ana.comes()
            await boris.comes()
            await scene(ana, boris)
        finally:
            await asyncio.gather(ana.disconnect(), boris.disconnect())
    asyncio.run(whole())


@pytest.mark.e2e
def test_two_everyday_clients_join_talk_and_read_the_archive(clinic: LiveClinic) -> None:
    async def scene(ana: Phone, boris: Phone) -> None:
        await shows(ana, {"Boris Brandt", "Ana Alvarez"})  # Boris is told first that he is in the room
        for number in range(12):
            ana.send_message(ana.room, f"line {number}", mtype="groupchat")
        ids = [[message["stanza_id"]["id"] for message in [await client.hears() for _number in range(12)]] for client in (ana, boris)]
        assert ids[0] == ids[1]
        archived = []
        async for result in boris.plugin["xep_0313"].iterate(boris.room, rsm={"max": "5"}):
            archived.append(result["mam_result"]["forwarded"]["stanza"]["body"])
        assert archived[-12:] == [f"line {number}" for number in range(12)]
        await ana.plugin["xep_0199"].send_ping(JID(f"{ana.room}/{ana.nick}"), timeout=PATIENCE)
        ana.plugin["xep_0045"].leave_muc(ana.room, ana.nick)
        with pytest.raises(IqError):
            await ana.plugin["xep_0199"].send_ping(JID(f"{ana.room}/{ana.nick}"), timeout=PATIENCE)
    play(clinic, scene)


@pytest.mark.e2e
def test_nobody_reaches_anybody_but_through_the_thread(clinic: LiveClinic) -> None:
    async def scene(ana: Phone, boris: Phone) -> None:
        direct: asyncio.Queue[Any] = asyncio.Queue()
        boris.add_event_handler("message", lambda message: message["type"] != "groupchat" and direct.put_nowait(message))
        refused: asyncio.Queue[Any] = asyncio.Queue()
        ana.add_event_handler("message_error", refused.put_nowait)
        ana.send_message(boris.boundjid.bare, "past the record", mtype="chat")
        ana.send_message(JID(f"{ana.room}/Boris Brandt"), "privately", mtype="chat")
        answers = [await asyncio.wait_for(refused.get(), PATIENCE) for _number in range(2)]
        assert all(answer["error"]["text"] for answer in answers)
        ana.send_message(ana.room, "in the thread", mtype="groupchat")
        assert (await boris.hears())["body"] == "in the thread"
        assert direct.empty()
    play(clinic, scene)


@pytest.mark.e2e
def test_a_revoked_device_is_out_within_five_seconds(clinic: LiveClinic) -> None:
    minted = clinic.db.perform(clinic.cast.ana, "device.mint", name="phone").value
    clinic.web.passwords[(clinic.cast.handle("ana"), "secret")] = minted.uid

    async def scene(ana: Phone, boris: Phone) -> None:
        gone = asyncio.get_running_loop().create_future()
        ana.add_event_handler("disconnected", lambda _event: gone.done() or gone.set_result(None))
        await asyncio.to_thread(clinic.db.perform, clinic.cast.ana, "device.revoke", minted.uid)
        await asyncio.wait_for(gone, 5.0)
        await shows(boris, {"Boris Brandt"})
    play(clinic, scene)
