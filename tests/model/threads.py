"""What threads are to each person, in plain lists and dicts: the model that a real clinic is compared with.

Written from product.md. It imports nothing of the product, knows no database and forgets nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

PATIENT, PRACTITIONER, COORDINATOR = "patient", "practitioner", "coordinator"
ROLES = {"ana": PATIENT, "ada": PATIENT, "boris": PRACTITIONER, "bella": PRACTITIONER, "chen": COORDINATOR}
NAMES = {"ana": "Ana Alvarez", "ada": "Ada Almeida", "boris": "Boris Brandt", "bella": "Bella Baptiste", "chen": "Chen Cheng"}
TEXT, NOTE, NOTICE, STATUS, CHANGE = "text", "note", "notice", "status", "change"
CLINIC = "the clinic"
GONE = "(taken back)"


@dataclass
class Line:
    """One line of a log. said: a text's words now, a notice's code. about: the number of the line that it changes."""

    number: int
    kind: str
    by: str
    said: str
    tick: int
    staff_only: bool = False
    about: int | None = None
    gone: bool = False
    reactions: dict[str, str] = field(default_factory=dict)


@dataclass
class Member:
    """Somebody in a thread. start: lines up to this number are not for them. invited: by somebody, and not by the clinic's links."""

    start: int
    read: int
    delivered: int
    muted: bool = False
    away: int = 0
    admin: bool = False
    invited: bool = False


@dataclass
class Thread:
    """A thread: its log and who is in it, in the order of coming."""

    label: str
    group: bool
    title: str = ""
    status: str = ""
    lines: list[Line] = field(default_factory=list)
    members: dict[str, Member] = field(default_factory=dict)

    def line(self, number: int) -> Line:
        """Return the line of a number, which begin with 1."""
        return self.lines[number - 1]


class Model:
    """A clinic. Methods that do something return whether it is allowed; what is refused changes nothing."""

    def __init__(self) -> None:
        self.tick = 0
        self.assists: set[tuple[str, str]] = {("chen", "boris")}
        self.threads: dict[str, Thread] = {}
        self.sent: dict[tuple[str, str, str], int] = {}  # (thread, author, client id) -> line

    # -- who is where

    def starts(self, label: str, starter: str, other: str) -> None:
        """Somebody started a 1:1; the practitioner's coordinators are included."""
        thread = self.threads[label] = Thread(label, group=False)
        for name in (starter, other):
            thread.members[name] = Member(0, 0, 0)
        self._notice(thread, "thread-started")
        self._bring_coordinators(thread, 0)
        self._knows(thread, starter)

    def creates(self, label: str, by: str, title: str, people: Iterable[str]) -> None:
        """A practitioner created a group and is its admin."""
        thread = self.threads[label] = Thread(label, group=True, title=title)
        thread.members[by] = Member(0, 0, 0, admin=True)
        for name in people:
            thread.members[name] = Member(0, 0, 0, invited=True)
        self._notice(thread, "group-created")
        self._bring_coordinators(thread, 0)
        self._knows(thread, by)

    def _knows(self, thread: Thread, name: str) -> None:
        thread.members[name].read = thread.members[name].delivered = len(thread.lines)

    def _patients(self, thread: Thread) -> list[str]:
        return [name for name in thread.members if ROLES[name] == PATIENT]

    def _join(self, thread: Thread, name: str, start: int, *, invited: bool = False) -> None:
        thread.members[name] = Member(start if ROLES[name] == PATIENT else 0, start, start, invited=invited)

    def _bring_coordinators(self, thread: Thread, before: int) -> None:
        """Include who assists a practitioner here; `before`: how long the log was when what brings them began."""
        wanted = [who for who, chief in sorted(self.assists) if chief in thread.members and who not in thread.members]
        if wanted and self._patients(thread):
            for name in wanted:
                self._join(thread, name, before)
            self._notice(thread, "coordinators-included")

    def _release_coordinators(self, thread: Thread) -> None:
        for name, member in list(thread.members.items()):
            kept = any((name, chief) in self.assists for chief in thread.members)
            if ROLES[name] == COORDINATOR and not member.invited and not kept:
                del thread.members[name]
                self._notice(thread, "coordinator-excluded")

    def assist(self, who: str, chief: str) -> bool:
        """The administrator links a coordinator: they join the practitioner's threads with patients."""
        if (who, chief) in self.assists:
            return False
        self.assists.add((who, chief))
        for thread in self.threads.values():
            if chief in thread.members and self._patients(thread) and who not in thread.members:
                self._join(thread, who, len(thread.lines))
                self._notice(thread, "coordinators-included")
        return True

    def assist_no_more(self, who: str, chief: str) -> bool:
        """The administrator unlinks a coordinator: they leave, unless they are there for somebody else too or were invited to a group."""
        if (who, chief) not in self.assists:
            return False
        self.assists.remove((who, chief))
        for thread in self.threads.values():
            member = thread.members.get(who)
            if member is None or chief not in thread.members or (thread.group and member.invited):
                continue
            if not any((who, other) in self.assists for other in thread.members):
                del thread.members[who]
                self._notice(thread, "coordinator-excluded")
        return True

    def invite(self, by: str, label: str, name: str) -> bool:
        """Staff invite somebody to a group."""
        thread = self.threads[label]
        if by not in thread.members or ROLES[by] == PATIENT or name in thread.members:
            return False
        before = len(thread.lines)
        self._join(thread, name, before, invited=True)
        self._notice(thread, "patients-invited" if ROLES[name] == PATIENT else "staff-invited")
        self._bring_coordinators(thread, before)
        return True

    def remove(self, by: str, label: str, name: str) -> bool:
        """The group admin removes a member, but for included coordinators."""
        thread = self.threads[label]
        admin, member = thread.members.get(by), thread.members.get(name)
        if admin is None or not admin.admin or member is None or name == by:
            return False
        if ROLES[name] == COORDINATOR and not member.invited:
            return False
        self._depart(thread, name, "removed")
        return True

    def _depart(self, thread: Thread, name: str, code: str) -> None:
        del thread.members[name]
        self._notice(thread, code)
        if ROLES[name] == PRACTITIONER:
            self._release_coordinators(thread)

    def leave(self, name: str, label: str, heir: str = "") -> bool:
        """Somebody leaves and deletes: a 1:1, and what they are in by the clinic's links, comes back with something new."""
        thread = self.threads[label]
        me = thread.members.get(name)
        if me is None:
            return False
        included = ROLES[name] == COORDINATOR and not me.invited
        if included or (not thread.group and not me.invited):
            me.away = len(thread.lines)
            if ROLES[name] == PATIENT:
                me.start = len(thread.lines)
            return True
        if me.admin and not self.hand_over(name, label, heir):
            return False
        self._depart(thread, name, "left")
        return True

    def hand_over(self, by: str, label: str, heir: str) -> bool:
        """The group admin makes another practitioner of the group its admin."""
        thread = self.threads[label]
        me, other = thread.members.get(by), thread.members.get(heir)
        if me is None or not me.admin or other is None or heir == by or ROLES[heir] != PRACTITIONER:
            return False
        me.admin, other.admin = False, True
        self._notice(thread, "handed-over")
        return True

    def close(self, by: str, label: str) -> bool:
        """The group admin closes a group: it is gone for everybody."""
        thread = self.threads[label]
        if by not in thread.members or not thread.members[by].admin:
            return False
        self._notice(thread, "group-closed")
        thread.members.clear()
        return True

    def rename(self, by: str, label: str, title: str) -> bool:
        """Staff name a thread: a 1:1 for themselves, a group for everybody."""
        thread = self.threads[label]
        if by not in thread.members or ROLES[by] == PATIENT:
            return False
        if title != thread.title:
            thread.title = title
            self._add(thread, NOTICE, CLINIC, "renamed" if title else "unnamed", staff_only=not thread.group)
        return True

    def mute(self, name: str, label: str, muted: bool) -> bool:
        """Somebody silences a thread for themselves."""
        if name not in self.threads[label].members:
            return False
        self.threads[label].members[name].muted = muted
        return True

    def change_status(self, by: str, label: str, status: str) -> bool:
        """A practitioner of the thread changes its status, which staff alone ever see."""
        thread = self.threads[label]
        if by not in thread.members or ROLES[by] != PRACTITIONER:
            return False
        if status != thread.status:
            thread.status = status
            self._add(thread, STATUS, by, status, staff_only=True)
        return True

    # -- what is said

    def _add(self, thread: Thread, kind: str, by: str, said: str, *, staff_only: bool = False, about: int | None = None) -> int:
        line = Line(len(thread.lines) + 1, kind, by, said, self.tick, staff_only, about)
        thread.lines.append(line)
        return line.number

    def _notice(self, thread: Thread, code: str) -> None:
        self._add(thread, NOTICE, CLINIC, code)

    def post(self, by: str, label: str, client_id: str, words: str, kind: str = TEXT) -> bool:
        """Somebody posts a text, or staff a note; the same again under the same id is the same."""
        thread = self.threads[label]
        if by not in thread.members or (kind == NOTE and ROLES[by] == PATIENT):
            return False
        if (label, by, client_id) not in self.sent:
            self.sent[label, by, client_id] = self._add(thread, kind, by, words, staff_only=kind == NOTE)
        return True

    def correct(self, by: str, label: str, number: int, words: str) -> bool:
        """Somebody corrects a text or note of their own."""
        line = self._seen(by, label, number)
        if line is None or line.by != by or line.gone or line.kind not in (TEXT, NOTE) or line.said == words:
            return False
        line.said = words
        self._add(self.threads[label], CHANGE, by, "", staff_only=line.staff_only, about=number)
        return True

    def retract(self, by: str, label: str, number: int) -> bool:
        """Somebody takes a text or note of their own back."""
        line = self._seen(by, label, number)
        if line is None or line.by != by or line.gone or line.kind not in (TEXT, NOTE):
            return False
        self._gone(by, label, line)
        return True

    def moderate(self, by: str, label: str, number: int) -> bool:
        """The group admin removes a message from a group."""
        line = self._seen(by, label, number)
        if line is None or not self.threads[label].members[by].admin or line.gone or line.kind not in (TEXT, NOTE):
            return False
        self._gone(by, label, line)
        return True

    def _gone(self, by: str, label: str, line: Line) -> None:
        line.gone = True
        line.reactions.clear()
        self._add(self.threads[label], CHANGE, by, "", staff_only=line.staff_only, about=line.number)

    def react(self, by: str, label: str, number: int, emoji: str) -> bool:
        """Somebody chooses an emoji for a line in place of the one before; none takes it back."""
        line = self._seen(by, label, number)
        if line is None or line.gone:
            return False
        line.reactions.pop(by, None)
        if emoji:
            line.reactions[by] = emoji
        self._add(self.threads[label], CHANGE, by, "", staff_only=line.staff_only, about=number)
        return True

    def mark(self, name: str, label: str, number: int, state: str) -> bool:
        """Somebody's page or app says that they have received, or read, up to a line that they see."""
        me = self.threads[label].members.get(name)
        if me is None or number not in {line.number for line in self.visible(name, label)}:
            return False
        me.delivered = max(me.delivered, number)
        if state == "read":
            me.read = max(me.read, number)
        return True

    # -- what each person sees

    def visible(self, name: str, label: str) -> list[Line]:
        """Return the lines that somebody may see, changes of others among them."""
        thread = self.threads[label]
        me = thread.members.get(name)
        if me is None:
            return []
        if ROLES[name] != PATIENT:
            return list(thread.lines)
        return [
            line for line in thread.lines if line.number > me.start and not line.staff_only and (line.about is None or line.about > me.start)
        ]

    def _seen(self, name: str, label: str, number: int) -> Line | None:
        return next((line for line in self.visible(name, label) if line.number == number and line.kind != CHANGE), None)

    def page(self, name: str, label: str) -> list[tuple[str, str, str]]:
        """Return what stands on somebody's page: by whom, words or code, reactions."""
        return [(line.by, shown(line), reactions(line)) for line in self.visible(name, label) if line.kind != CHANGE]

    def unread(self, name: str, label: str) -> int:
        """Return how many lines of others somebody has not read."""
        me = self.threads[label].members[name]
        return sum(line.number > me.read and line.by != name and line.kind != CHANGE for line in self.visible(name, label))

    def title(self, name: str, label: str) -> str:
        """Return what a thread is called for somebody."""
        thread = self.threads[label]
        if thread.title and (thread.group or ROLES[name] != PATIENT):
            return thread.title
        others = [other for other in thread.members if other != name]
        patients = [NAMES[other] for other in others if ROLES[other] == PATIENT]
        chiefs = [NAMES[other] for other in others if ROLES[other] == PRACTITIONER]
        if thread.group:
            return ", ".join([*patients, *chiefs] or [NAMES[other] for other in others]) or "Thread"
        return ", ".join((chiefs if ROLES[name] == PATIENT else patients or chiefs) or [NAMES[other] for other in others]) or "Thread"

    def listed(self, name: str) -> dict[str, tuple[int, str, str, int, bool]]:
        """Return somebody's list: by thread the moment of its last line, its title, last words, unread, muted."""
        rows = {}
        for label, thread in self.threads.items():
            lines = [line for line in self.visible(name, label) if line.kind != CHANGE]
            if name in thread.members and lines and lines[-1].number > thread.members[name].away:
                words = shown(lines[-1]) if lines[-1].kind in (TEXT, NOTE) else ""
                rows[label] = (lines[-1].tick, self.title(name, label), words, self.unread(name, label), thread.members[name].muted)
        return rows

    def hits(self, name: str) -> set[tuple[str, int]]:
        """Return where somebody finds what is in every text: not in what they have put away."""
        return {
            (label, line.number) for label in self.listed(name) for line in self.visible(name, label) if line.kind in (TEXT, NOTE) and not line.gone
        }

    def states(self, name: str, label: str) -> list[str]:
        """Return how far what somebody has said has come, the newest first."""
        members = self.threads[label].members
        if name not in members:
            return []
        found = []
        for line in reversed(self.threads[label].lines):
            if line.by != name or line.kind not in (TEXT, NOTE, STATUS):
                continue
            others = [who for who in members if who != name and line in self.visible(who, label)]
            staff = [who for who in others if ROLES[who] != PATIENT]
            patients = [who for who in others if ROLES[who] == PATIENT]
            side = staff if ROLES[name] == PATIENT else patients or others
            read = any(members[who].read >= line.number for who in side)
            found.append("read" if read else "delivered" if any(members[who].delivered >= line.number for who in side) else "sent")
        return found


def shown(line: Line) -> str:
    """Return a line's words as they are shown now."""
    return GONE if line.gone else line.said


def reactions(line: Line) -> str:
    """Return who chose which emoji, in one text to compare."""
    return " ".join(sorted(f"{emoji}{NAMES[name]}" for name, emoji in line.reactions.items()))
