"""Whoever is unlinked, removed or deactivated is out within a second, at each place where they had the thread open.

Proved by the order of events: the next page they ask for is gone, and their app is shown out before what is said next reaches anybody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from clinic.errors import DomainError
from clinic.thread.views import thread_page
from tests.access.apps import Apps, enter, said
from tests.access.scene import PEOPLE
from tests.support.stage import Client

WITHIN_SECONDS = 1.0
MAM, FEED = "urn:xmpp:mam:2", "urn:bedside:feed:1"


def unlink(apps: Apps) -> None:
    """The administrator ends a coordinator's assistance."""
    apps.scene.as_admin("link.coordinator_remove", coordinator=apps.scene.uids["chen"], practitioner=apps.scene.uids["boris"])


def remove(apps: Apps) -> None:
    """The group admin removes a member."""
    apps.scene.do("boris", "group.remove", apps.scene.threads["group"].uid, person=apps.scene.uids["ada"])


def deactivate(apps: Apps) -> None:
    """The administrator closes an account."""
    apps.scene.as_admin("account.deactivate", apps.scene.uids["bella"])


def close(apps: Apps) -> None:
    """The group admin closes the group."""
    apps.scene.do("boris", "group.close", apps.scene.threads["group"].uid)


def opens(apps: Apps, who: str, uid: str) -> bool:
    """Say whether the thread is there for somebody's page."""
    try:
        with apps.db.read(apps.scene.actor(who)) as work:
            thread_page(work, uid)
    except DomainError:
        return False
    return True


async def shown_out(client: Client, room: str) -> None:
    """Hear that one's session in the room is over."""
    while True:
        one = await client.hears()
        if one.get("type") == "unavailable" and (one.get("from") or "").startswith(room):
            return


@pytest.mark.parametrize(("what", "who"), [(unlink, "chen"), (remove, "ada"), (close, "bella")], ids=["unlink", "remove", "close"])
def test_who_is_out_is_shown_out_before_anything_else_is_said(tmp_path: Path, what: Callable[[Apps], None], who: str) -> None:
    async def play() -> None:
        async with Apps(tmp_path) as apps:
            room, uid = apps.room_of("group"), apps.scene.threads["group"].uid
            client, page = await apps.inside(who, "group"), apps.app(who)
            page.sends(f"<presence to='{apps.feed_of(who)}'><feed xmlns='{FEED}' thread='{uid}'/></presence>")
            await page.finds(f"<message><ready xmlns='{FEED}'/></message>")
            other = apps.app("ana")
            await enter(other, room, PEOPLE["ana"][0])
            assert opens(apps, who, uid), "the control: before, the thread is there"
            await client.everything()
            await asyncio.to_thread(what, apps)
            assert not opens(apps, who, uid)  # the very next page
            async with asyncio.timeout(WITHIN_SECONDS):
                await shown_out(client, room)
                await page.finds(f"<message><threads xmlns='{FEED}'/></message>")
            if what is not close:
                await asyncio.to_thread(apps.scene.post, "boris", "group", "said afterwards")
                await other.finds("<message><body>said afterwards</body></message>")
            heard = [*await client.everything(), *await page.everything()]
            told = [news.get("thread") for one in heard for news in one.iter(f"{{{FEED}}}news")]
            # Of another thread that they are out of, too, what had been read for them before may still be on its way: its uid, and no word of it.
            assert "said afterwards" not in said(heard) and uid not in told
            client.sends(f"<iq type='set' id='q' to='{room}'><query xmlns='{MAM}'/></iq>")
            await client.finds("<iq type='error' id='q'/>")

    asyncio.run(play())


def test_who_is_deactivated_is_let_go_at_once_and_reads_nothing_more(tmp_path: Path) -> None:
    async def play() -> None:
        async with Apps(tmp_path) as apps:
            room, uid = apps.room_of("group"), apps.scene.threads["group"].uid
            client, other = await apps.inside("bella", "group"), await apps.inside("ana", "group")
            await client.everything()
            await asyncio.to_thread(deactivate, apps)
            assert not opens(apps, "bella", uid)
            async with asyncio.timeout(WITHIN_SECONDS):
                await apps.until(lambda: {"user": apps.scene.handles["bella"]} in apps.server.disconnects)
            await asyncio.to_thread(apps.scene.post, "boris", "group", "said afterwards")
            await other.finds("<message><body>said afterwards</body></message>")
            client.sends(f"<iq type='set' id='q' to='{room}'><query xmlns='{MAM}'/></iq>")
            await client.finds("<iq type='error' id='q'/>")
            client.sends(f"<iq type='get' id='i' to='{room}'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>")
            await client.finds("<iq type='error' id='i'/>")
            assert "said afterwards" not in said(await client.everything())

    asyncio.run(play())

