"""People at their messaging apps: the real component over the prepared clinic, behind the stand-in for the XMPP server."""

from __future__ import annotations

import re
import secrets
import xml.etree.ElementTree as ET
from pathlib import Path

import sqlalchemy as sa

from clinic import Database
from clinic.config import Config
from tests.access.scene import ABSENT, NOBODY, PEOPLE, Scene
from tests.access.state import State
from tests.support.databases import DATABASES
from tests.support.ports import free_base_port
from tests.support.stage import SECRET, Client, Server, Stage, X, shown
from xmpp_components.component import Threads


class Apps(Stage):
    """The clinic as apps see it. What Stage offers for its own cast is here by name and thread."""

    def __init__(self, folder: Path) -> None:
        port = free_base_port()
        self.config = Config(
            data=folder, database_url=DATABASES.migrated(folder), domain="localhost", base_port=port, host="127.0.0.1",
            public_url="http://localhost:8600", https_url="", pepper=b"p" * 32, flask_key="k", component_secret=SECRET, internal_token="t",
            posts_per_second=1000.0, posts_burst=10_000.0,
        )
        self.db = Database.open(self.config.database_url, run_dir=self.config.run_dir, pepper=self.config.pepper)
        self.scene = Scene(self.db)
        self.scene.end()
        self.state = State(self.config.database_url)
        self.server = Server(self.config.domain)
        self.component: Threads | None = None
        self._forget_jobs()
        self.kept = self.state.keep()

    def _forget_jobs(self) -> None:
        """What was to be done while the clinic was prepared is not done in the middle of a comparison."""
        engine = sa.create_engine(self.config.database_url, poolclass=sa.NullPool)
        with engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM jobs")
        engine.dispose()

    async def __aexit__(self, *_: object) -> None:
        await super().__aexit__()
        self.state.close()

    def app(self, who: str) -> Client:
        """Return a new session of somebody; nobody's comes from another server."""
        address = f"{self.scene.handles[who]}@{self.config.domain}" if who != NOBODY else "somebody@elsewhere.example"
        return Client(self.server, f"{address}/{secrets.token_hex(4)}")

    def room_of(self, label: str) -> str:
        """Return the address of a thread, or one where there is none."""
        thread = self.scene.threads.get(label)
        return f"{thread.uid if thread else ABSENT}@{self.server.domain}"

    def feed_of(self, who: str) -> str:
        """Return the address of somebody's feed."""
        return f"feed-{self.scene.handles.get(who, ABSENT)}@{self.server.domain}"

    async def inside(self, who: str, label: str) -> Client:
        """Return a new session that is in the thread."""
        client = self.app(who)
        await enter(client, self.room_of(label), PEOPLE[who][0])
        return client


async def enter(client: Client, room: str, nick: str) -> None:
    """Join a room and hear all that belongs to it."""
    client.sends(f"<presence to='{room}/{nick}'><x xmlns='{X}'><history maxstanzas='0'/></x></presence>")
    await client.finds(f"<message type='groupchat' from='{room}'><subject/></message>")


def said(heard: list[ET.Element]) -> str:
    """Return what was heard, as text."""
    return "\n".join(shown(one) for one in heard)


def alike(text: str, *named: str) -> str:
    """Return an answer without the names that were asked for, to compare it with another."""
    for name in (*named, ABSENT):
        text = text.replace(name, "NAME")
    return re.sub(r' (to|id)="[^"]*"', "", text)
