"""Declarations: @action and @view, and the two registries that every door and every contract test reads.

Owns ActionSpec, ACTIONS, VIEWS. Imports clinic.fields and clinic.permissions. Running them is transaction.py's.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from clinic.errors import NotPermitted, NotSignedIn
from clinic.fields import ClientId, Field
from clinic.permissions import Permission

if TYPE_CHECKING:
    from clinic.work import Work

Function = TypeVar("Function", bound=Callable[..., Any])
P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """One declared action.

    load: turns the subject's uid into the loaded subject through the actor, or raises NotFound; None without subject.
    same: of an action whose calls carry a client id, whether a stored payload is what these values say (rule 9).
    batchable: whether all that the action reads is on the loaded thread, so that many may share one transaction.
    audited: False where the entry in the log is the audit (texts) or nothing is worth one (marks).
    """

    name: str
    permission: Permission
    function: Callable[..., Any]
    load: Callable[[Work, str], Any] | None
    fields: tuple[Field, ...]
    batchable: bool
    audited: bool
    same: Callable[[Any, Mapping[str, Any]], bool] | None

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
) -> Callable[[Function], Function]:
    """Declare the function below as the action `name`: called as f(work, subject, **fields), or f(work, **fields).

    The function checks and buffers; it never reads its own writes and never calls another action (rule 3).
    """

    def declare(function: Function) -> Function:
        if name in ACTIONS:
            raise RuntimeError(f"two actions are named {name!r}")
        if same is None and any(isinstance(field, ClientId) for field in fields):
            raise RuntimeError(f"{name!r} takes a client id: say with `same` when what comes again under it is the same")
        ACTIONS[name] = ActionSpec(name, permission, function, on, fields, batchable, audited, same)
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
            require(work, permission)
            return function(work, *args, **kwargs)

        return checked

    return declare


def require(work: Work, permission: Permission) -> None:
    """Raise NotSignedIn or NotPermitted unless the actor's role has `permission` in the table."""
    if work.may(permission):
        return
    if work.actor.is_anonymous:
        raise NotSignedIn()
    raise NotPermitted()
