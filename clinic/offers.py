"""What a person is offered to do, in a thread or at large: the declarations of `@action(offer=…)`, filtered and filled in.

Owns Offered, OfferedField, Shape, the views `offers`, `offer` and `telling`, confirm links and the words around them. Imports clinic only.
The generic page, the ad-hoc commands and the text commands (design.md, rule 15) draw what stands here, and decide nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from clinic.account.fields import BirthDate, Email
from clinic.account.settings import setting
from clinic.actions import ACTIONS, ActionSpec, Offer, Telling, view
from clinic.errors import DomainError, Gated, NotFound, NotNow
from clinic.fields import Choice, Choices, ClientId, Field, Flag, Moment, Option, Pick, PickMessage, PickSeveral, Text, Uid
from clinic.kinds import Ask
from clinic.loading import LoadedThread
from clinic.permissions import Permission
from clinic.work import Work

WHOM = "patient"
"""The name of the field that asks whom an action is about, where there are several (actions.py: About)."""


class Shape(StrEnum):
    """How a field is asked for, whatever the door."""

    LINE = "line"
    LINES = "lines"
    ONE = "one"
    SEVERAL = "several"
    MOMENT = "moment"
    DAY = "day"
    FLAG = "flag"
    EMAIL = "email"
    UID = "uid"


# The first that fits counts: a Choice is asked for like a Pick.
_SHAPES: tuple[tuple[type[Field], Shape], ...] = (
    (PickSeveral, Shape.SEVERAL),
    (Pick, Shape.ONE),
    (Choices, Shape.SEVERAL),
    (Choice, Shape.ONE),
    (Moment, Shape.MOMENT),
    (BirthDate, Shape.DAY),
    (Flag, Shape.FLAG),
    (Email, Shape.EMAIL),
    (Uid, Shape.UID),
    (Text, Shape.LINE),
)


@dataclass(frozen=True, slots=True)
class OfferedField:
    """One field of an offered action. options: of ONE and SEVERAL, what this person may choose just now.

    message: the options are messages, told apart by what they say. newest: the first of them is meant where none is named.
    """

    name: str
    label: str
    shape: Shape
    required: bool
    options: tuple[Option, ...] = ()
    message: bool = False
    newest: bool = False

    @property
    def chosen(self) -> bool:
        """Whether its value is one or more of its options."""
        return self.shape in (Shape.ONE, Shape.SEVERAL)


@dataclass(frozen=True, slots=True)
class Offered:
    """An action as it is offered to one person, here and now. thread: its uid, or None for what is done in none.

    client_id: the name of the field for the sender's own id, which every door fills in by itself, or None. means: of `Offer.means`.
    subject: the uid of what it is done to: the thread's own or, of an action about somebody in it, theirs, None until it is said who of `whom`.
    """

    action: str
    offer: Offer
    thread: str | None
    fields: tuple[OfferedField, ...]
    client_id: str | None
    means: Mapping[str, str] = field(default_factory=dict)
    subject: str | None = None
    whom: tuple[Option, ...] = ()

    def on(self, subject: str) -> Offered:
        """Return the same about one of `whom`. Raises: NotFound for anybody else, whether or not there is such a person."""
        if subject not in {one.value for one in self.whom}:
            raise NotFound()
        return replace(self, subject=subject, fields=tuple(one for one in self.fields if one.name != WHOM))

    def addressed(self, values: Mapping[str, Any]) -> tuple[Offered, dict[str, Any]]:
        """Return the same about whom the values name, and the other values. Raises: NotFound."""
        given = dict(values)
        return (self.on(given.pop(WHOM)), given) if self.subject is None and self.whom else (self, given)

    @property
    def who(self) -> Option | None:
        """Whom it is about, once that is said."""
        return next((one for one in self.whom if one.value == self.subject), None)

    @property
    def by_form(self) -> bool:
        """Whether it is done by a form alone, which shows what stands there."""
        return self.offer.about is not None and bool(self.offer.about.opens)

    @property
    def title(self) -> str:
        return self.offer.title

    @property
    def asked(self) -> tuple[OfferedField, ...]:
        """The fields that a person is asked for: an object's uid that may be left out only comes along with a link."""
        return tuple(field for field in self.fields if field.required or field.shape is not Shape.UID)

    @property
    def at_once(self) -> bool:
        """Whether asking for it is enough: nothing has to be said, and nothing is lost by it."""
        return not (self.asked or self.offer.grave or self.by_form)


def shape_of(field: Field) -> Shape:
    """Return how `field` is asked for: as a line, where nothing else is known of its kind."""
    if isinstance(field, Text) and field.multiline:
        return Shape.LINES
    return next((shape for kind, shape in _SHAPES if isinstance(field, kind)), Shape.LINE)


def asked(spec: ActionSpec) -> tuple[Field, ...]:
    """Return the fields of an action that a person can be asked for: not the ids of their app, nor what may be left out and has no label,
    nor what only comes along with what it is about.
    """
    kept = spec.offer.about.kept if spec.offer is not None and spec.offer.about is not None else ()
    return tuple(field for field in spec.fields if not isinstance(field, ClientId) and (field.required or field.label) and field.name not in kept)


@view(Permission.ACCOUNT_OWN)
def offers(work: Work, thread_uid: str | None = None) -> tuple[Offered, ...]:
    """Return what the actor is offered in a thread now, or, without one, what is done in none; in the order of titles.

    Only what the table allows them there, and what makes sense now. Raises: NotFound for a thread that is not theirs.
    """
    thread = None if thread_uid is None else work.thread(thread_uid)
    found = [one for spec in ACTIONS.values() if (one := _offered(work, spec, thread)) is not None]
    return tuple(sorted(found, key=lambda one: one.title))


@view(Permission.ACCOUNT_OWN)
def offer(work: Work, action: str, thread_uid: str | None = None) -> Offered:
    """Return one offered action. Raises: NotFound where it is not offered to this actor, there and now, or does not exist.

    NotNow, in the offer's own words, where it is only that it makes no sense now.
    """
    spec = ACTIONS.get(action)
    thread = None if thread_uid is None else work.thread(thread_uid)
    found = None if spec is None else _offered(work, spec, thread)
    if found is not None:
        return found
    if spec is not None and spec.offer is not None and spec.offer.otherwise and _theirs(work, spec, thread):
        raise NotNow(spec.offer.otherwise)
    raise NotFound()


def action_of(word: str) -> str:
    """Return the action that is offered under a word, or "", which names none."""
    return next((name for name, spec in ACTIONS.items() if spec.offer is not None and spec.offer.word == word), "")


def _theirs(work: Work, spec: ActionSpec, thread: LoadedThread | None) -> bool:
    """Say whether an action is the actor's to do there, whether or not it makes sense now."""
    if not spec.public or (spec.load is None) != (thread is None) or not work.may(spec.permission, thread):
        return False
    if thread is None or spec.load is None or (spec.offer is not None and spec.offer.about is not None):
        return True
    try:
        return bool(spec.load(work, thread.uid) is thread)
    except DomainError:
        return False


def _offered(work: Work, spec: ActionSpec, thread: LoadedThread | None) -> Offered | None:
    offer = spec.offer
    if offer is None or not _theirs(work, spec, thread) or (thread is not None and offer.when is not None and not offer.when(work, thread)):
        return None
    about = offer.about if thread is not None else None
    whom = tuple(about.whom(work, thread)) if about is not None and thread is not None else ()
    if about is not None and not whom:
        return None
    fields = [_field(work, field, thread) for field in asked(spec)]
    never = {name for field in fields if field.options for name in field.options[0].without if all(name in one.without for one in field.options)}
    # What may be left out and offers no choice is not asked for, nor what goes with nothing that there is to choose.
    shown = tuple(field for field in fields if field.required or ((field.options or not field.chosen) and field.name not in never))
    means = offer.means(work, thread) if offer.means is not None and thread is not None else {}
    place = thread.uid if thread else None
    if about is None:
        return Offered(spec.name, offer, place, shown, client_id_of(spec), means, place)
    asks_whom = OfferedField(WHOM, "Patient", Shape.ONE, required=True, options=whom)
    found = Offered(spec.name, offer, place, (asks_whom, *shown), client_id_of(spec), means, None, whom)
    return found.on(whom[0].value) if len(whom) == 1 else found


def client_id_of(spec: ActionSpec) -> str | None:
    """Return the name of the action's field for the sender's own id, also where it may be left out, or None."""
    return next((one.name for one in spec.fields if isinstance(one, ClientId) and (one.required or one.name == "client_id")), None)


def _field(work: Work, field: Field, thread: LoadedThread | None) -> OfferedField:
    options: Sequence[Option] = ()
    if isinstance(field, Pick):
        options = field.options(work, thread)
    elif isinstance(field, Choice | Choices):
        words = field.words if isinstance(field, Choice) else ()
        said = words or [value.replace("-", " ").replace("_", " ").capitalize() for value in field.options]
        options = [Option(value, word) for value, word in zip(field.options, said, strict=True)]
    label = field.label or field.name.replace("_", " ").capitalize()
    message, newest = isinstance(field, PickMessage), isinstance(field, PickMessage) and field.newest
    required = field.required or (isinstance(field, Pick) and field.needed and bool(options))
    return OfferedField(field.name, label, shape_of(field), required, tuple(options), message, newest)


def told(spec: ActionSpec, value: Any, base_url: str) -> tuple[str, str | None]:
    """Return what to say once an offered action is done: its words, and the address that its value leads to, or None.

    base_url: of the clinic's page, without a slash at its end.
    """
    if spec.offer is None:
        raise TypeError(f"{spec.name} is offered to nobody")
    path = spec.offer.leads(value) if spec.offer.leads else None
    return spec.offer.done, None if path in (None, "/") else f"{base_url}{path}"


@view(Permission.ACCOUNT_OWN)
def telling(work: Work, base_url: str, link: Callable[[str, str, str], str]) -> Telling:
    """Return for whom answers to the actor are put into words. link: the address of a file (uid), for an account (uid), by a name."""
    me = work.person.uid
    return Telling(work.role, work.now, ZoneInfo(setting(work, "time_zone")), base_url, lambda file, name: link(file, me, name))


def confirm_link(base_url: str, action: str, thread_uid: str | None = None, values: Mapping[str, Any] | None = None) -> str:
    """Return the address of the page that asks a signed-in person whether to do `action`; opening it changes nothing
    but, where it shows what is to be seen by an audited look alone, the audit log.

    values: filled in beforehand, by field; lists for fields of several values. Source: design.md, rule 15.
    """
    subject = "" if thread_uid is None else f"/{thread_uid}"
    given = {name: value for name, value in (values or {}).items() if value not in (None, "", (), [])}
    return f"{base_url}/do/{action}{subject}{'?' + urlencode(given, doseq=True) if given else ''}"


def asking(words: str, asks: Sequence[Ask], base_url: str, thread_uid: str) -> str:
    """Return words and, on a line for each thing that they ask of a reader, the page that asks them to confirm."""
    def leads(ask: Ask) -> str:
        return f"{base_url}{ask.page}" if ask.page else confirm_link(base_url, ask.action, thread_uid, ask.values)

    return "\n".join([words, *(f"{ask.words} {leads(ask)}" for ask in asks)])


def refusal_words(error: DomainError, base_url: str) -> str:
    """Return a refusal as an app shows it: its text and, of what waits for an answer first, the pages where that is given."""
    return asking(error.text, error.asks, base_url, error.thread) if isinstance(error, Gated) else error.text
