"""A clinic with the real XMPP server and several processes that serve its threads, each of which can be killed; the web is a stand-in.

Boris has a thread with each of a few patients: enough that every process has one, whether there are one, two or three.
"""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import sqlalchemy as sa

from clinic import Actor, Database, Role
from clinic.account.views import me
from clinic.log import entries
from clinic.thread.tables import live_sessions, threads
from tests.support.cast import NAMES, Cast
from tests.support.clinic import START_SECONDS, STOP_SECONDS
from tests.support.crowd import Member
from tests.support.ports import eventually
from tests.support.prosody import Prosody
from tests.support.raw_xmpp import Client
from tests.support.stub_web import StubWeb
from xmpp_components.share import server_of

FEED = "urn:bedside:feed:1"


class SplitClinic:
    """The clinic. `patients`: thread's uid → the patient's actor; `running`: number → process."""

    def __init__(self, folder: Path, database_url: str):
        self.folder, self.database_url = folder, database_url
        self.components = 0
        self.running: dict[int, subprocess.Popen[bytes]] = {}
        self.streams: list[Client] = []
        self.passwords: dict[tuple[str, str], str] = {}
        self.patients: dict[str, Actor] = {}
        self.db = Database.open(database_url, run_dir=folder / "run", pepper=b"")

    def fill(self) -> None:
        """Makes Boris, patients and their threads."""
        self.cast = Cast.in_(self.db)
        self.boris = self.cast.handle("boris")
        while any(len({server_of(uid, most) for uid in self.patients}) < most for most in (2, 3)):
            self.new_thread()

    def new_thread(self) -> str:
        """Makes a thread of Boris and a new patient. Returns its uid."""
        number = len(self.patients)
        values = {"name": f"Patient {number}", "roles": [Role.PATIENT], "birth_date": "1980-01-01", "email": f"p{number}@clinic.example"}
        uid = self.db.perform(Actor.system(), "account.create", **values).value.account_uid
        self.db.perform(self.cast.dina, "link.patient_add", patient=uid, practitioner=self.cast.uid("boris"))
        thread: str = self.db.perform(self.cast.boris, "thread.start", person=uid).value
        self.patients[thread] = Actor.page(uid, Role.PATIENT, f"session-of-{number}")
        return thread

    # --- processes

    @contextmanager
    def served_by(self, components: int) -> Iterator[None]:
        """Runs the XMPP server and so many processes until the end of the block; then all are killed."""
        self.components = components
        with ExitStack() as stack:
            self.server = stack.enter_context(Prosody(self.folder, components=components, database_url=self.database_url))
            self.db.pepper = bytes.fromhex(self.server.secrets["pepper"])
            if not hasattr(self, "cast"):
                self.fill()
            web = stack.enter_context(StubWeb(self.server.layout.base_port, self.server.secrets["internal_token"]))
            web.passwords = self.passwords
            try:
                for number in self.numbers:
                    self.start(number)
                for number in self.numbers:
                    self.wait_ready(number)
                yield
            finally:
                for stream in self.streams:
                    stream.sock.close()
                self.streams = []
                for number in list(self.running):
                    self.kill(number)

    @property
    def numbers(self) -> range:
        """The processes' numbers."""
        return range(1, self.components + 1)

    def mark(self, number: int) -> Path:
        """Returns the file that says that a process serves."""
        return self.folder / "run" / f"{self.server.layout.component_names[number - 1]}.ready"

    def start(self, number: int) -> None:
        """Starts a process, as the supervisor does."""
        name = self.server.layout.component_names[number - 1]
        with (self.folder / "log" / f"{name}.log").open("ab") as log:
            command = [sys.executable, "-m", "xmpp_components", str(number)]
            self.running[number] = subprocess.Popen(command, stdout=log, stderr=log, env=self.server.layout.environment() | {"PYTHONFAULTHANDLER": "1"})

    def wait_ready(self, number: int) -> None:
        """Waits until a process serves."""
        process, log = self.running[number], self.folder / "log" / f"{self.server.layout.component_names[number - 1]}.log"
        try:
            eventually(lambda: self.mark(number).exists() or process.poll() is not None, START_SECONDS, f"process {number} serves")
            assert process.poll() is None, f"process {number} has ended with {process.returncode}"
        except AssertionError as error:
            if process.poll() is None:
                process.send_signal(signal.SIGABRT)  # so that it says where it stands
                process.wait(STOP_SECONDS)
            raise AssertionError(f"{error}\n{log.read_text()[-5000:]}") from None

    def kill(self, number: int) -> None:
        """Kills a process where it stands; its mark that it serves goes with it, as the supervisor takes it away."""
        process = self.running.pop(number)
        process.kill()
        process.wait(STOP_SECONDS)
        self.mark(number).unlink(missing_ok=True)

    # --- people

    def thread_of(self, number: int) -> str:
        """Returns a thread that process `number` serves."""
        return next(uid for uid in self.patients if server_of(uid, self.components) == number)

    def room(self, thread: str) -> str:
        """Returns a thread's address."""
        return f"{thread}@{self.server.layout.threads_domain}"

    def handle(self, actor: Actor) -> str:
        """Returns the local part of somebody's address."""
        with self.db.read(actor) as work:
            return me(work).handle

    def logged_in(self, handle: str, resource: str, device: str | None = None) -> Client:
        """Returns somebody's new session, on a device of its own unless one is named."""
        self.passwords[handle, device or resource] = device or f"d-{handle}-{resource}"
        self.streams.append(self.server.client().log_in(handle, device or resource, resource))
        return self.streams[-1]

    def member(self, thread: str, *, patient: bool, device: str | None = None) -> Member:
        """Returns a session of Boris, or of the thread's patient, that is in the room."""
        actor = self.patients[thread] if patient else self.cast.boris
        handle = self.handle(actor)
        with self.db.read(actor) as work:
            nick = me(work).name if patient else NAMES["boris"][0]
        member = Member(self.logged_in(handle, f"in-{thread}", device), self.room(thread), nick, handle)
        member.join()
        return member

    @property
    def feed(self) -> str:
        """The node of Boris's feed."""
        return f"feed-{self.boris}"

    def tab(self, thread: str = "", *, served: bool = True) -> "Tab":
        """Returns a tab of Boris, which may have a thread open; `served`: after the answer that it is."""
        tab = Tab(self.logged_in(self.boris, f"tab-{len(self.streams)}"), f"{self.feed}@{self.server.layout.threads_domain}", thread)
        if served:
            tab.heard("ready")
        return tab

    def posts(self, thread: str, body: str) -> str:
        """Posts a text of Boris from a page. Returns the entry's uid."""
        return self.db.perform(self.cast.boris, "text.post", thread, body=body, client_id=body).entries[0].uid

    # --- what is stored, asked by queries of the tests' own

    def archive(self, thread: str) -> list[tuple[str, str]]:
        """Returns (archive id, client id) of a thread's texts, in the order of its log."""
        query = sa.select(entries.c.uid, entries.c.client_id).join(threads, threads.c.id == entries.c.thread_id)
        with self.db.reading() as connection:
            rows = connection.execute(query.where(threads.c.uid == thread, entries.c.kind == "text").order_by(entries.c.seq))
            return [(row.uid, row.client_id) for row in rows]

    def live(self) -> set[str]:
        """Returns the addresses that are stored as live."""
        with self.db.reading() as connection:
            return set(connection.scalars(sa.select(live_sessions.c.address)))


class Tab:
    """A page's live feed. `news`: uids of the entries that it heard of, each once, by thread."""

    def __init__(self, stream: Client, feed: str, thread: str):
        self.stream, self.feed, self.news = stream, feed, dict[str, list[str]]()
        self.opens(thread)

    def opens(self, thread: str) -> None:
        """Turns to a thread, or to none."""
        attribute = f" thread='{thread}'" if thread else ""
        self.stream.send(f"<presence to='{self.feed}'><feed xmlns='{FEED}'{attribute}/></presence>")

    def types(self, thread: str) -> None:
        """Its reader is typing."""
        self.stream.send(f"<message to='{self.feed}' type='headline'><typing xmlns='{FEED}' thread='{thread}' state='composing'/></message>")

    def heard(self, name: str, **attributes: str) -> dict[str, str]:
        """Returns the attributes of the next element of this name (and these attributes) that the feed says."""
        while True:
            found = self.stream.receive("{jabber:client}message").find(f"{{{FEED}}}{name}")
            if found is not None and all(found.get(key) == value for key, value in attributes.items()):
                return dict(found.attrib)

    def take(self) -> None:
        """Notes the news that have come; the rest passes."""
        for stanza in self.stream.waiting:
            for found in stanza.iter(f"{{{FEED}}}news"):
                known = self.news.setdefault(found.get("thread", ""), [])
                if (uid := found.get("uid", "")) not in known:
                    known.append(uid)
        self.stream.waiting = []
