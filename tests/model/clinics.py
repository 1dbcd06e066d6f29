"""A real clinic behind the model's words: its actions by name, and all that each person can see of it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from clinic import ACTIONS, Actor, Call, Database, Done, Role, Work
from clinic.errors import DomainError
from clinic.log import allowed
from clinic.search.index import Indexer
from clinic.search.views import search
from clinic.thread import archive, relay, views
from clinic.thread.listing import thread_list
from tests.model.threads import CLINIC, GONE, NAMES, ROLES
from tests.support.databases import DATABASES

PEPPER = b"p" * 32
AMENDING = frozenset({"correction", "retraction", "reaction"})
BEGAN = datetime(2026, 11, 29, 8, 0, tzinfo=UTC)
COMMON = "pain"  # in every text, so that a search for it finds them all
Seen = tuple[str, str, str]


def has(*actions: str) -> bool:
    """Say whether the clinic knows these actions."""
    return set(actions) <= set(ACTIONS)


def prepared(folder: Path) -> tuple[str, dict[str, str], dict[str, str]]:
    """Make the cast in a database to copy from. Returns: what `copied` wants of it; the uids of accounts and of statuses by name."""
    database = Database.open(DATABASES.migrated(folder), run_dir=folder / "run", pepper=PEPPER)
    uids = {}
    for name, role in ROLES.items():
        values = {"name": NAMES[name], "roles": [role], "birth_date": "1984-03-27" if role == "patient" else None}
        uids[name] = database.perform(Actor.system(), "account.create", **values).value.account_uid
    for patient in ("ana", "ada"):
        for chief in ("boris", "bella"):
            database.perform(Actor.system(), "link.patient_add", patient=uids[patient], practitioner=uids[chief])
    database.perform(Actor.system(), "link.coordinator_add", coordinator=uids["chen"], practitioner=uids["boris"])
    values = {"name": "Dina Dunn", "roles": ["admin"]}
    dina = Actor.page(database.perform(Actor.system(), "account.create", **values).value.account_uid, Role.ADMIN, "a session")
    statuses = {name: database.perform(dina, "status.create", name=name, colour="blue").value for name in ("Seen", "Waits")}
    return DATABASES.kept(database.engine), uids, statuses


class Clinic:
    """Two processes of one clinic (`databases`), and the threads that the model calls by labels."""

    def __init__(self, folder: Path, original: str, uids: dict[str, str]) -> None:
        self.folder, self.uids = folder, uids
        self.url = DATABASES.copied(original, folder)
        self.now = BEGAN
        self.databases = [self._opened(), self._opened()]
        self.threads: dict[str, str] = {}
        self.entries: dict[tuple[str, int], str] = {}  # (thread's label, line) -> uid
        self.numbers: dict[str, tuple[str, int]] = {}
        self.statuses: dict[str, str] = {}
        self.indexer = Indexer()

    def _opened(self) -> Database:
        database = Database.open(self.url, run_dir=self.folder / "run", pepper=PEPPER)
        vars(database)["now"] = lambda: self.now
        return database

    def close(self) -> None:
        """Let go of the database."""
        for database in self.databases:
            database.engine.dispose()

    def tick(self) -> None:
        """Let a second pass: what happens at once has one instant."""
        self.now += timedelta(seconds=1)

    def restart(self, which: int) -> None:
        """One process dies without a word and another takes its place."""
        self.databases[which].engine.dispose()
        self.databases[which] = self._opened()

    def actor(self, name: str) -> Actor:
        """Return somebody at the page."""
        return Actor.page(self.uids[name], Role(ROLES[name]), "a session")

    def do(self, which: int, name: str, action: str, subject: str | None = None, /, **values: Any) -> Done | None:
        """Have somebody do something through one of the processes. Returns: None where it was refused."""
        actor = Actor.system() if name == CLINIC else self.actor(name)
        try:
            return self.databases[which].perform(actor, action, *([subject] if subject else []), **values)
        except DomainError:
            return None

    def note(self, which: int, name: str, label: str, **values: Any) -> Done | None:
        """Have somebody write what staff alone see."""
        return self.do(which, name, "note.post", self.threads[label], **values)

    def made(self, name: str, action: str, **values: Any) -> str:
        """Have somebody start something. Returns: its uid. Raises: AssertionError where it was refused."""
        done = self.do(0, name, action, **values)
        assert done is not None, f"{action} was refused"
        return str(done.value)

    def batch(self, which: int, calls: Sequence[tuple[str, str, dict[str, Any]]]) -> list[bool]:
        """Have several people post in one transaction. Returns: which were taken."""
        asked = [Call(self.actor(name), "text.post", self.threads[label], values) for name, label, values in calls]
        return [isinstance(result, Done) for result in self.databases[which].batch(asked, wait_seconds=5.0)]

    def fails(self, which: int, calls: Sequence[tuple[str, str, dict[str, Any]]]) -> None:
        """The disk is full at the moment of the commit: nothing of the batch is stored."""

        def full(_connection: object) -> None:
            raise sa.exc.OperationalError("COMMIT", None, Exception("database or disk is full"))

        engine = self.databases[which]._for_writing
        event.listen(engine, "commit", full)
        try:
            assert not any(self.batch(which, calls)), "acknowledged and not stored"
        finally:
            event.remove(engine, "commit", full)

    # -- what each person sees

    def reread(self) -> dict[str, dict[str, list[int]]]:
        """Read the logs as the clinic's processes do, and learn the uids of the lines that the model knows by number.

        Returns: by thread and member, the numbers of what the live tail would send to their apps, of the whole log.
        """
        names = {uid: name for name, uid in self.uids.items()}
        sent: dict[str, dict[str, list[int]]] = {}
        with self.databases[0].read(Actor.system()) as work:
            for label, uid in self.threads.items():
                found = relay.entries_after(work, uid, 0, 10_000)
                for entry in found:
                    self.entries[label, entry.seq] = entry.uid
                    self.numbers[entry.uid] = (label, entry.seq)
                members = relay.relayed_thread(work, uid).members
                sent[label] = {names[one.uid]: [entry.seq for entry in found if allowed(entry, one)] for one in members}
        return sent

    def work_for(self, name: str) -> Any:
        """Open a look of somebody at the clinic."""
        return self.databases[1].read(self.actor(name))

    def page(self, work: Work, label: str) -> list[tuple[int, Seen]] | None:
        """Return the lines on somebody's page, or None where the thread is not there for them."""
        try:
            found = views.thread_page(work, self.threads[label], limit=100)
        except DomainError:
            return None
        pages = list(found.entries)
        while found.more_before:
            found = views.thread_page(work, self.threads[label], before=pages[0].uid, limit=100)
            pages[:0] = found.entries
        return [(self.numbers[one.uid][1], seen(one)) for one in pages if one.kind not in AMENDING]

    def archived(self, work: Work, label: str) -> tuple[list[tuple[int, str]], str] | None:
        """Return the numbers and words of what somebody's app gets from the archive, and all of it as one text."""
        found: list[Any] = []
        try:
            complete = False
            while not complete:
                page = archive.archive(work, self.threads[label], after=found[-1].uid if found else None, limit=100)
                found += page.entries
                complete = page.complete
        except DomainError:
            return None
        return [(self.numbers[one.uid][1], words_of(one)) for one in found if one.kind not in AMENDING], repr(found)

    def listed(self, work: Work) -> list[tuple[str, str, str, int, bool]]:
        """Return the rows of somebody's list."""
        labels = {uid: label for label, uid in self.threads.items()}
        return [(labels[row.uid], row.title, row.last_line, row.unread, row.muted) for row in thread_list(work)]

    def states(self, work: Work, label: str) -> list[str]:
        """Return how far somebody's own texts have come, the newest first."""
        try:
            found = views.own_states(work, self.threads[label])
        except DomainError:
            return []
        return [state.state for state in found]

    def hits(self, work: Work) -> set[tuple[str, int]] | None:
        """Return where somebody finds what is in every text; None while the clinic has no search."""
        found: set[tuple[str, int]] = set()
        before: str | None = None
        while True:
            page = search(work, COMMON, before=before, limit=50)
            found |= {self.numbers[hit.uid] for hit in page.hits}
            before = page.older
            if before is None:
                return found

    def index(self) -> None:
        """Let the worker do what it has to do for the search."""
        while self.indexer(self.databases[0]):
            pass


def words_of(entry: Any) -> str:
    """Return an entry's words as they are shown: what was typed, a notice's code, or that it was taken back."""
    payload = entry.payload
    if type(payload).__name__ == "Tombstone":
        return GONE
    return str(getattr(payload, "code", getattr(payload, "text", getattr(payload, "status", entry.kind))))


def seen(entry: Any) -> Seen:
    """Return a line of a page: by whom, words, and who chose which emoji."""
    by = next((name for name, shown in NAMES.items() if entry.author and entry.author.nick == shown), CLINIC)
    return by, words_of(entry), " ".join(sorted(f"{one.emoji}{nick}" for one in entry.reactions for nick in one.names))


def client_id() -> str:
    """Return an id that nobody has used."""
    return secrets.token_hex(8)
