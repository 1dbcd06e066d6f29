"""Declarations: @action and @view, and the two registries that every door and every contract test reads.

Owns ActionSpec, Offer, About, ACTIONS, VIEWS. Imports clinic.fields and clinic.permissions. Running them is transaction.py's.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from clinic.fields import ClientId, Field, Option
from clinic.permissions import Permission, Role

if TYPE_CHECKING:
    from clinic.loading import LoadedThread
    from clinic.work import Work

Function = TypeVar("Function", bound=Callable[..., Any])
P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class About:
    """What an action that is offered in a thread is done to, where that is not the thread itself but somebody in it.

    whom: whom the actor may choose in this thread; each value is the action's subject. page: the path of the page where the same is done, of
    the subject and the actor's role: confirm links lead there. opens: the action, on the same subject and without fields, whose value the form
    is filled in from: to see what stands there is a look like any other, and audited as one. entries: what of that value is to be chosen
    first, where the action is about one thing in it. filled: the form's values, of that value and the chosen entry. kept: fields that
    only come along so, and are typed by nobody. nothing: what to say where there are no entries.
    """

    whom: Callable[[Work, LoadedThread], Sequence[Option]]
    page: Callable[[str, Role | None], str]
    opens: str = ""
    entries: Callable[[Any], Sequence[Option]] | None = None
    filled: Callable[[Any, str], Mapping[str, Any]] | None = None
    kept: tuple[str, ...] = ()
    nothing: str = ""


@dataclass(frozen=True, slots=True)
class Telling:
    """Whom an answer is told, for its words: their role, the clinic's clock, the page's address and their own links.

    base: without a slash at its end. link: of a file's uid and name, the address that is good for this person alone.
    """

    role: Role | None
    now: datetime
    zone: tzinfo
    base: str
    link: Callable[[str, str], str]

    def day(self, at: datetime) -> str:
        """Return the day of an instant at the clinic: 27 March 2026."""
        return f"{at.astimezone(self.zone):%-d %B %Y}"


@dataclass(frozen=True, slots=True)
class Offer:
    """How an action is offered to people where no page of its own does it: ad-hoc commands, text commands, confirm links.

    title: what it does, as an imperative ("Rename the thread"). word: the text command after "!" ("rename"). help: one more
    sentence. done: what to say afterwards. when: whether it makes sense in this thread now, beside the permission.
    grave: it is asked for a confirmation wherever it would otherwise be done at once; a page that asks for values is one already.
    takes_away: grave, and somebody loses something by it: its button warns, also where values are asked for.
    answers: the name of a Choice that is the answer itself: where there are buttons, it is one for each of its options.
    means: what choosing each of them means, in words, filled in for this thread, now.
    leads: the path on the page to what its value is, where that is news ("/threads/…"); "/" where the thread is no place to
    stay afterwards. passes_on: that address is for somebody else: it is shown, once, and not gone to.
    otherwise: what to say to who may do it and asks for it where `when` says that it makes no sense now.
    about: what it is done to, where that is not the thread. look: the action, on the same thread and without required fields, that is performed
    before anybody is shown what there is to choose: to see that is a look like any other, and audited as one.
    tells: of an action that is there to read something, its value in words, which are for whoever asked alone; `done` follows them.
    Source: design.md, rule 15.
    """

    title: str
    word: str
    help: str = ""
    done: str = "Done."
    when: Callable[[Work, LoadedThread], bool] | None = None
    grave: bool = False
    takes_away: bool = False
    answers: str = ""
    means: Callable[[Work, LoadedThread], Mapping[str, str]] | None = None
    leads: Callable[[Any], str] | None = None
    passes_on: bool = False
    otherwise: str = ""
    about: About | None = None
    look: str = ""
    tells: Callable[[Any, Telling], str] | None = None


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """One declared action.

    load: turns the subject's uid into the loaded subject through the actor, or raises NotFound; None without subject.
    same: of an action whose calls carry a client id, whether a stored payload is what these values say (rule 9).
    batchable: whether all that the action reads is on the loaded thread, so that many may share one transaction.
    audited: False where the entry in the log is the audit (texts) or nothing is worth one (marks).
    gated: whether gates (gates.py) may hold it back where a patient does it in a thread; False for what is never held back.
    offer: how people are offered it; None for what a transport has its own form for, or what no person does.
    """

    name: str
    permission: Permission
    function: Callable[..., Any]
    load: Callable[[Work, str], Any] | None
    fields: tuple[Field, ...]
    batchable: bool
    audited: bool
    same: Callable[[Any, Mapping[str, Any]], bool] | None
    offer: Offer | None = None
    gated: bool = True

    @property
    def public(self) -> bool:
        """Whether a client may call it: every field is one that a person can fill."""
        return self.permission is not Permission.SYSTEM and all(field.public for field in self.fields)


ACTIONS: dict[str, ActionSpec] = {}
VIEWS: dict[str, Permission] = {}


def action(
    name: str,
    permission: Permission,
    *,
    on: Callable[[Work, str], Any] | None = None,
    fields: tuple[Field, ...] = (),
    batchable: bool = False,
    audited: bool = True,
    same: Callable[[Any, Mapping[str, Any]], bool] | None = None,
    offer: Offer | None = None,
    gated: bool = True,
) -> Callable[[Function], Function]:
    """Declare the function below as the action `name`: called as f(work, subject, **fields), or f(work, **fields).

    The function checks and buffers; it never reads its own writes and never calls another action (rule 3).
    """

    def declare(function: Function) -> Function:
        if name in ACTIONS:
            raise RuntimeError(f"two actions are named {name!r}")
        if same is None and any(isinstance(field, ClientId) for field in fields):
            raise RuntimeError(f"{name!r} takes a client id: say with `same` when what comes again under it is the same")
        if offer is not None and any(spec.offer is not None and spec.offer.word == offer.word for spec in ACTIONS.values()):
            raise RuntimeError(f"two actions are offered as !{offer.word}")
        ACTIONS[name] = ActionSpec(name, permission, function, on, fields, batchable, audited, same, offer, gated)
        return function

    return declare


def view(
    permission: Permission,
) -> Callable[[Callable[Concatenate[Work, P], R]], Callable[Concatenate[Work, P], R]]:
    """Declare the function below as a view: read-only, first argument the Work, refused without `permission`.

    It returns frozen dataclasses filtered for the actor (rule 5).
    """

    def declare(function: Callable[Concatenate[Work, P], R]) -> Callable[Concatenate[Work, P], R]:
        VIEWS[f"{function.__module__}.{function.__name__}"] = permission

        @functools.wraps(function)
        def checked(work: Work, /, *args: P.args, **kwargs: P.kwargs) -> R:
            work.require(permission)
            return function(work, *args, **kwargs)

        return checked

    return declare
