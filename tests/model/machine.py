"""The machine that does things to a real clinic and to the model, and compares all that each person sees after each step."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.model.clinics import COMMON, Clinic, has
from tests.model.threads import CLINIC, GONE, NOTE, ROLES, TEXT, Model
from tests.support.databases import DATABASES

PEOPLE = st.sampled_from(sorted(ROLES))
STAFF = st.sampled_from(["boris", "bella", "chen"])
LABELS = st.sampled_from(["direct", "group"] if has("group.create") else ["direct"])
PROCESS = st.integers(0, 1)
PLACE = st.floats(0, 1, exclude_max=True)
EMOJI = st.sampled_from(["👍", "🎉", ""])


class Machine(RuleBasedStateMachine):
    """Each rule does one thing twice: really, and in the model. What the model refuses must be refused."""

    original: ClassVar[str]
    uids: ClassVar[dict[str, str]]
    statuses: ClassVar[dict[str, str]]
    sent = Bundle("sent")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="bedside-model-"))
        self.clinic = Clinic(self.folder, self.original, self.uids)
        self.clinic.statuses = self.statuses
        self.model = Model()
        self.words = 0
        self.gone: set[str] = set()

    def teardown(self) -> None:
        """Let go of the clinic."""
        self.clinic.close()
        DATABASES.tidy()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _next(self) -> str:
        self.words += 1
        return f"{COMMON} word{self.words:04d}"

    def _tick(self) -> None:
        self.clinic.tick()
        self.model.tick += 1

    def _agree(self, done: Any, allowed: bool, what: str) -> None:
        assert (done is not None) == allowed, f"{what}: the clinic {'did it' if done is not None else 'refused'}, the model {allowed}"

    def _line(self, label: str, place: float) -> int:
        return 1 + int(place * len(self.model.threads[label].lines))

    def _uid(self, label: str, number: int) -> str:
        return self.clinic.entries[label, number]

    @initialize()
    def begin(self) -> None:
        """Boris starts a thread with Ana, and a group with Bella and Ana."""
        self._tick()
        self.clinic.threads["direct"] = self.clinic.made("boris", "thread.start", person=self.uids["ana"])
        self.model.starts("direct", "boris", "ana")
        if has("group.create"):
            self._tick()
            people = [self.uids["bella"], self.uids["ana"]]
            self.clinic.threads["group"] = self.clinic.made("boris", "group.create", title="Team", people=people)
            self.model.creates("group", "boris", "Team", ["bella", "ana"])

        first = ("ana", "direct", TEXT), ("boris", "direct", NOTE), ("bella", "group", TEXT), ("boris", "group", TEXT), ("ana", "group", TEXT)
        for name, label, kind in first:
            self._tick()
            words = self._next()
            self._send(0, name, label, f"id {words[-4:]}", words, kind)

    # -- saying things

    @rule(target=sent, which=PROCESS, name=PEOPLE, label=LABELS, staff_only=st.booleans())
    def post(self, which: int, name: str, label: str, staff_only: bool) -> tuple[str, str, str, str, str]:
        """Somebody writes a text, or staff a note."""
        self._tick()
        words, kind = self._next(), NOTE if staff_only and (has("note.post") or ROLES[name] != "patient") else TEXT
        return self._send(which, name, label, f"id {words[-4:]}", words, kind)

    def _send(self, which: int, name: str, label: str, client_id: str, words: str, kind: str) -> tuple[str, str, str, str, str]:
        values = {"body": words, "client_id": client_id}
        thread = self.clinic.threads[label]
        done = self.clinic.note(which, name, label, **values) if kind == NOTE else self.clinic.do(which, name, "text.post", thread, **values)
        self._agree(done, self.model.post(name, label, client_id, words, kind), f"{name} posts a {kind} in {label}")
        return name, label, client_id, words, kind

    @rule(which=PROCESS, before=sent)
    def resend(self, which: int, before: tuple[str, str, str, str, str]) -> None:
        """An outbox that has heard nothing sends again."""
        self._tick()
        self._send(which, *before)

    @rule(which=PROCESS, posts=st.lists(st.tuples(PEOPLE, LABELS), min_size=2, max_size=4), twice=st.booleans())
    def batches(self, which: int, posts: list[tuple[str, str]], twice: bool) -> None:
        """Two processes commit several people's texts each, in turns; the second may hold a text of the first again."""
        calls = [(name, label, {"body": words, "client_id": f"id {words[-4:]}"}) for name, label in posts for words in [self._next()]]
        again = [calls[0]] if twice else []
        other = [(name, label, {"body": words, "client_id": f"id {words[-4:]}"}) for name, label in reversed(posts) for words in [self._next()]]
        for process, batch in ((which, calls), (1 - which, other + again)):
            self._tick()
            taken = self.clinic.batch(process, batch)
            wanted = [self.model.post(name, label, values["client_id"], values["body"]) for name, label, values in batch]
            assert taken == wanted, f"of {batch} the clinic took {taken}, the model {wanted}"

    @rule(which=PROCESS, posts=st.lists(st.tuples(PEOPLE, LABELS), min_size=1, max_size=3))
    def aborted(self, which: int, posts: list[tuple[str, str]]) -> None:
        """A batch that cannot be stored leaves nothing behind."""
        self._tick()
        self.clinic.fails(which, [(name, label, {"body": self._next(), "client_id": f"id {self.words:04d}"}) for name, label in posts])

    @rule(which=PROCESS)
    def crash(self, which: int) -> None:
        """A process dies and another takes its place."""
        self.clinic.restart(which)

    @precondition(lambda self: has("text.correct"))
    @rule(which=PROCESS, name=PEOPLE, label=LABELS, place=PLACE)
    def correct(self, which: int, name: str, label: str, place: float) -> None:
        """Somebody corrects a message."""
        self._tick()
        number, words = self._own(name, label, place), self._next()
        before = self.model.threads[label].line(number).said
        done = self.clinic.do(which, name, "text.correct", self.clinic.threads[label], entry=self._uid(label, number), body=words, client_id=f"id {words[-4:]}")
        allowed = self.model.correct(name, label, number, words)
        self._agree(done, allowed, f"{name} corrects {number} of {label}")
        self.gone |= {before} if allowed else set()

    @precondition(lambda self: has("text.retract"))
    @rule(which=PROCESS, name=PEOPLE, label=LABELS, place=PLACE)
    def retract(self, which: int, name: str, label: str, place: float) -> None:
        """Somebody takes a message back."""
        self._tick()
        number = self._own(name, label, place)
        line = self.model.threads[label].line(number)
        done = self.clinic.do(which, name, "text.retract", self.clinic.threads[label], entry=self._uid(label, number), client_id=f"back {self._next()[-4:]}")
        allowed = self.model.retract(name, label, number)
        self._agree(done, allowed, f"{name} retracts {number} of {label}")
        self.gone |= {line.said} if allowed else set()

    @precondition(lambda self: has("text.moderate", "group.create"))
    @rule(which=PROCESS, name=PEOPLE, label=LABELS, place=PLACE)
    def moderate(self, which: int, name: str, label: str, place: float) -> None:
        """The group admin, or somebody who is not, removes a message."""
        self._tick()
        number = self._line(label, place)
        line = self.model.threads[label].line(number)
        done = self.clinic.do(which, name, "text.moderate", self.clinic.threads[label], entry=self._uid(label, number), client_id=f"mod {self._next()[-4:]}")
        allowed = label == "group" and self.model.moderate(name, label, number)
        self._agree(done, allowed, f"{name} moderates {number} of {label}")
        self.gone |= {line.said} if allowed else set()

    @precondition(lambda self: has("text.react"))
    @rule(which=PROCESS, name=PEOPLE, label=LABELS, place=PLACE, emoji=EMOJI)
    def react(self, which: int, name: str, label: str, place: float, emoji: str) -> None:
        """Somebody chooses an emoji, or takes it back."""
        self._tick()
        number = self._line(label, place)
        if self.model.threads[label].line(number).kind == "change":
            return  # what it means to react to a change is not said anywhere
        values = {"entry": self._uid(label, number), "emojis": emoji, "client_id": f"re {self._next()[-4:]}"}
        done = self.clinic.do(which, name, "text.react", self.clinic.threads[label], **values)
        self._agree(done, self.model.react(name, label, number, emoji), f"{name} reacts to {number} of {label}")

    def _own(self, name: str, label: str, place: float) -> int:
        """Return one of somebody's own lines mostly, and another's now and then."""
        own = [line.number for line in self.model.threads[label].lines if line.by == name and line.kind in (TEXT, NOTE)]
        return own[int(place * len(own))] if own and place < 0.9 else self._other(label, place)

    def _other(self, label: str, place: float) -> int:
        lines = [line.number for line in self.model.threads[label].lines if line.kind != "change"]
        return lines[int(place * len(lines))]

    # -- reading, and one's own view

    @rule(which=PROCESS, name=PEOPLE, label=LABELS, place=PLACE, state=st.sampled_from(["delivered", "read"]))
    def mark(self, which: int, name: str, label: str, place: float, state: str) -> None:
        """Somebody's page or app has received or shown something."""
        self._tick()
        number = self._line(label, place)
        done = self.clinic.do(which, name, "thread.mark", self.clinic.threads[label], entry=self._uid(label, number), state=state)
        self._agree(done, self.model.mark(name, label, number, state), f"{name} marks {number} of {label} {state}")

    @rule(which=PROCESS, name=PEOPLE, label=LABELS, muted=st.booleans())
    def mute(self, which: int, name: str, label: str, muted: bool) -> None:
        """Somebody silences a thread."""
        self._tick()
        done = self.clinic.do(which, name, "thread.mute", self.clinic.threads[label], muted=muted)
        self._agree(done, self.model.mute(name, label, muted), f"{name} mutes {label}")

    # -- who is in it

    @rule(which=PROCESS, chief=st.sampled_from(["boris", "bella"]), linked=st.booleans())
    def assistance(self, which: int, chief: str, linked: bool) -> None:
        """The administrator links or unlinks Chen."""
        self._tick()
        action = "link.coordinator_add" if linked else "link.coordinator_remove"
        done = self.clinic.do(which, CLINIC, action, coordinator=self.uids["chen"], practitioner=self.uids[chief])
        allowed = self.model.assist("chen", chief) if linked else self.model.assist_no_more("chen", chief)
        self._agree(done, allowed, f"{action} of {chief}")

    @precondition(lambda self: has("thread.invite", "group.create"))
    @rule(which=PROCESS, by=PEOPLE, name=PEOPLE)
    def invite(self, which: int, by: str, name: str) -> None:
        """Somebody invites another into the group."""
        self._tick()
        done = self.clinic.do(which, by, "thread.invite", self.clinic.threads["group"], people=[self.uids[name]], reason="Asked for")
        self._agree(done, self.model.invite(by, "group", name), f"{by} invites {name}")

    @precondition(lambda self: has("group.remove"))
    @rule(which=PROCESS, by=st.sampled_from(["boris", "boris", "bella", "ana"]), name=PEOPLE)
    def remove(self, which: int, by: str, name: str) -> None:
        """The group admin, or somebody who is not, removes a member."""
        self._tick()
        done = self.clinic.do(which, by, "group.remove", self.clinic.threads["group"], person=self.uids[name])
        self._agree(done, self.model.remove(by, "group", name), f"{by} removes {name}")

    @precondition(lambda self: has("thread.leave", "group.create"))
    @rule(which=PROCESS, name=PEOPLE, label=LABELS, heir=st.sampled_from(["", "boris", "bella"]))
    def leave(self, which: int, name: str, label: str, heir: str) -> None:
        """Somebody leaves and deletes."""
        self._tick()
        values = {"then": self.uids[heir]} if heir else {}
        done = self.clinic.do(which, name, "thread.leave", self.clinic.threads[label], **values)
        self._agree(done, self.model.leave(name, label, heir), f"{name} leaves {label}")

    @precondition(lambda self: has("group.hand_over"))
    @rule(which=PROCESS, by=STAFF, heir=PEOPLE)
    def hand_over(self, which: int, by: str, heir: str) -> None:
        """The group admin hands the group over."""
        self._tick()
        done = self.clinic.do(which, by, "group.hand_over", self.clinic.threads["group"], person=self.uids[heir])
        self._agree(done, self.model.hand_over(by, "group", heir), f"{by} hands over to {heir}")

    @precondition(lambda self: has("group.close") and len(self.model.threads["group"].lines) > 12)
    @rule(which=PROCESS, by=STAFF)
    def close(self, which: int, by: str) -> None:
        """The group admin closes the group."""
        self._tick()
        done = self.clinic.do(which, by, "group.close", self.clinic.threads["group"])
        self._agree(done, self.model.close(by, "group"), f"{by} closes the group")

    @precondition(lambda self: has("thread.rename"))
    @rule(which=PROCESS, by=PEOPLE, label=LABELS, title=st.sampled_from(["Knee", "Back", ""]))
    def rename(self, which: int, by: str, label: str, title: str) -> None:
        """Somebody names a thread."""
        self._tick()
        done = self.clinic.do(which, by, "thread.rename", self.clinic.threads[label], title=title)
        self._agree(done, self.model.rename(by, label, title), f"{by} renames {label}")

    @rule(which=PROCESS, by=PEOPLE, label=LABELS, status=st.sampled_from(["Seen", "Waits"]))
    def change_status(self, which: int, by: str, label: str, status: str) -> None:
        """Somebody says where a thread stands, which patients never learn."""
        self._tick()
        done = self.clinic.do(which, by, "thread.set_status", self.clinic.threads[label], status=self.clinic.statuses[status])
        self._agree(done, self.model.change_status(by, label, status), f"{by} changes the status of {label}")

    # -- comparing

    @invariant()
    def everybody_sees_what_they_should(self) -> None:
        """Compare every person's pages, archives, live news, list and search."""
        live = self.clinic.reread()
        self.clinic.index()
        for label in self.model.threads:
            lines, stored = len(self.model.threads[label].lines), sum(1 for found, _number in self.clinic.entries if found == label)
            assert lines == stored, f"{label}: the log has {stored} lines, the model {lines}"
        for name in ROLES:
            with self.clinic.work_for(name) as work:
                for label in self.model.threads:
                    self._same_thread(work, name, label, live[label].get(name))
                self._same_list(work, name)
                self._same_hits(work, name)

    def _same_thread(self, work: Any, name: str, label: str, relayed: list[int] | None) -> None:
        member = name in self.model.threads[label].members
        page, archive = self.clinic.page(work, label), self.clinic.archived(work, label)
        where = f"{name} in {label}"
        assert (page is not None, archive is not None, relayed is not None) == (member, member, member), f"{where}: member {member}"
        if page is None or archive is None:
            return
        visible = self.model.visible(name, label)
        numbers = [line.number for line in visible if line.kind != "change"]
        assert [number for number, _ in page] == numbers, f"{where}: the page shows {[number for number, _ in page]}, not {numbers}"
        wanted = self.model.page(name, label)
        differ = [(number, one, other) for (number, one), other in zip(page, wanted, strict=True) if one != other]
        assert not differ, f"{where}: on the page (line, is, should be) {differ}"
        assert archive[0] == [(number, words) for (number, (_, words, _)) in page], f"{where}: the archive"
        assert relayed == [line.number for line in visible], f"{where}: live"
        for words in self.gone:
            assert words not in archive[1], f"{where}: the archive still holds {words}"
            assert words not in repr(page), f"{where}: the page still holds {words}"
        assert self.clinic.states(work, label) == self.model.states(name, label), f"{where}: sent, delivered, read"

    def _same_list(self, work: Any, name: str) -> None:
        listed, wanted = self.clinic.listed(work), self.model.listed(name)
        found = {label: (title, words if COMMON in words or GONE in words else "", unread, muted) for label, title, words, unread, muted in listed}
        assert {label: (row[1], row[3], row[4]) for label, row in wanted.items()} == {
            label: (row[0], row[2], row[3]) for label, row in found.items()
        }, f"{name}: the list (title, unread, muted)"
        for label, row in wanted.items():
            assert row[2] in ("", GONE) or row[2] in found[label][1], f"{name}: the last line of {label}"
        ticks = [wanted[row[0]][0] for row in listed]
        assert ticks == sorted(ticks, reverse=True), f"{name}: the order of the list"

    def _same_hits(self, work: Any, name: str) -> None:
        hits = self.clinic.hits(work)
        if hits is not None:
            assert hits == self.model.hits(name), f"{name}: found {sorted(hits ^ self.model.hits(name))} differently"
