"""Every way in which the clinic says no: one registry with both wire forms.

Owns the error classes. Imports the standard library only. A transport never invents an error: it raises one of these
(or lets one pass) and reads from the class what its own wire needs: `status` for HTTP, `condition` and `type` for
XMPP (RFC 6120, section 8.3.3), `code` for programs and `text` for people. The text always says what to do next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from clinic.kinds import Ask


class DomainError(Exception):
    """A refusal that the person who asked should read."""

    code: ClassVar[str]
    status: ClassVar[int]
    condition: ClassVar[str]
    type: ClassVar[str]
    default: ClassVar[str]

    def __init__(self, text: str | None = None, *, field: str | None = None, wait_seconds: float | None = None) -> None:
        self.text = text or self.default
        self.field = field
        self.wait_seconds = wait_seconds
        super().__init__(self.text)

    @property
    def page_text(self) -> str:
        """What stands on the page: the text, without what can be done in a message only."""
        return self.text


REGISTRY: dict[str, type[DomainError]] = {}


def _register(error: type[DomainError]) -> type[DomainError]:
    if error.code in REGISTRY:
        raise RuntimeError(f"two errors are named {error.code!r}")
    REGISTRY[error.code] = error
    return error


@_register
class NotFound(DomainError):
    """The thing does not exist, or may not be known to this actor: both read the same (rule 5)."""

    code = "not-found"
    status = 404
    condition = "item-not-found"
    type = "cancel"
    default = "What you asked for does not exist, or you have no access to it. Go back to your threads and open it from there."


class NotNow(NotFound):
    """Something that is this person's to do here, and to which there is nothing to do just now: not found, in words that say why."""


@_register
class NotPermitted(DomainError):
    """The actor sees the thing but may not do this to it."""

    code = "not-permitted"
    status = 403
    condition = "forbidden"
    type = "auth"
    default = "Your role does not allow this. Ask the clinic's administrator if you need it."


@_register
class NotSignedIn(DomainError):
    """Nobody is signed in, or the session has ended."""

    code = "not-signed-in"
    status = 401
    condition = "not-authorized"
    type = "auth"
    default = "You are not signed in any more. Sign in and try again; what you typed is kept."


@_register
class Gated(DomainError):
    """Something that the clinic asks of this person waits for their answer first. Nothing that they wrote is lost: their page or app keeps it.

    thread: uid of the thread where it was asked. asks: what they may answer, each with a confirm link (rule 15). by_message: how to answer in a
    message, for apps.
    """

    code = "gated"
    status = 402
    condition = "not-allowed"
    type = "cancel"
    default = "Something that the clinic asked you waits for your answer. Answer it first; what you wrote was not sent."

    def __init__(self, text: str | None = None, *, thread: str = "", asks: tuple[Ask, ...] = (), by_message: str = "") -> None:
        words = text or self.default
        super().__init__(f"{words} {by_message}".rstrip())
        self._page_text = words
        self.thread = thread
        self.asks = asks

    @property
    def page_text(self) -> str:
        return self._page_text


@_register
class Invalid(DomainError):
    """A declared field refuses its value."""

    code = "invalid"
    status = 422
    condition = "bad-request"
    type = "modify"
    default = "Something in this form is not right. Correct it and send it again."


@_register
class TooLong(DomainError):
    """A text is larger than its field takes."""

    code = "too-long"
    status = 413
    condition = "not-acceptable"
    type = "modify"
    default = "This text is too long. Shorten it or send it in parts."


@_register
class NotAcceptable(DomainError):
    """The request is well formed but is not done here, by design."""

    code = "not-acceptable"
    status = 406
    condition = "not-acceptable"
    type = "modify"
    default = "This is not done here."


@_register
class Conflict(DomainError):
    """Something with the same identity exists already, or changed meanwhile."""

    code = "conflict"
    status = 409
    condition = "conflict"
    type = "cancel"
    default = "This exists already. Reload the page to see it."


class NotYet(Conflict):
    """What this is about is still being prepared: the same again in a moment comes through."""

    condition = "resource-constraint"
    type = "wait"


@_register
class Expired(DomainError):
    """A link or token is past its time, or was used."""

    code = "expired"
    status = 410
    condition = "gone"
    type = "cancel"
    default = "This link is not valid any more. Ask for a new one."


@_register
class TooMany(DomainError):
    """A limit on attempts or on rate; `wait_seconds` says how long."""

    code = "too-many"
    status = 429
    condition = "resource-constraint"
    type = "wait"
    default = "That was too often. Wait a moment and try again."


@_register
class Busy(DomainError):
    """The clinic's machine cannot store anything right now (database held, disk full). Nothing was changed."""

    code = "busy"
    status = 503
    condition = "resource-constraint"
    type = "wait"
    default = "The clinic's machine could not store this just now. Nothing was changed; try again in a moment."


class Held(Busy):
    """Somebody else has the thread locked just now: this call of a batch was not tried. On the wires it is a Busy."""
