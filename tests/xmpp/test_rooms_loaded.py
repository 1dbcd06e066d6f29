"""Which rooms the component keeps loaded: never one less than somebody is entering."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import sqlalchemy as sa

from clinic.thread import relay
from clinic.thread.tables import threads
from tests.support.stage import Stage, played
from xmpp_components.rooms import room

MUC = "http://jabber.org/protocol/muc"


def test_whoever_enters_a_room_while_space_is_made_hears_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "LOADED_ROOMS", 1)

    @played
    async def play(stage: Stage) -> None:
        stage.cast.link("ana", "bella")
        uids = [stage.thread, stage.cast.start("bella", "ana")]
        with stage.db.writing() as connection:  # all of it relayed, as of any quiet thread
            connection.execute(sa.update(threads).values(relayed_seq=threads.c.last_seq))
        rooms, both, read = stage.component.rooms, asyncio.Event(), []
        view = rooms.view

        async def together(uid: str) -> relay.RelayedThread | None:
            found = await view(uid)
            read.append(uid)
            if set(read) >= set(uids):
                both.set()
            await both.wait()
            return found

        rooms.view = together
        ana = stage.client(stage.ana)
        for uid in uids:
            ana.sends(f"<presence to='{uid}@{stage.server.domain}/Ana'><x xmlns='{MUC}'><history maxstanzas='0'/></x></presence>")
        for _uid in uids:
            await ana.finds("<message type='groupchat'><subject>*</subject></message>")
        for uid in uids:
            stage.db.perform(stage.ana.actor, "text.post", uid, body=f"in {uid}", client_id=f"in-{uid}")
            await ana.finds(f"<message type='groupchat'><body>in {uid}</body></message>")

    play(tmp_path)
