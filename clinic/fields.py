"""Declared fields of an action: what a value may be, checked once for every door.

Owns the field classes. Imports the standard library, clinic.errors and the links to files. A web form, an ad-hoc command's data form and
JSON all arrive as text or plain values; `parse` turns them into what the action takes or raises Invalid with words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from clinic.errors import Invalid, TooLong
from clinic.file.links import canonical

# XML 1.0, section 2.2: what text in a stanza may hold. One form feed let through would close the component's stream.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NAMES = {"\x00": "a null character", "\x0b": "a vertical tab", "\x0c": "a form feed", "\x1b": "an escape character"}
_UID = re.compile(r"[0-9a-z]{26}")


def refuse_unsendable(text: str, field: str) -> str:
    """Return `text`, or raise Invalid naming the character that XML cannot carry and where it stands."""
    found = _NOT_XML.search(text)
    if found is None:
        return text
    character = found.group()
    name = _NAMES.get(character, "a character")
    raise Invalid(
        f"This text holds {name} (U+{ord(character):04X}, at position {found.start() + 1}) that messages cannot carry. "
        "Remove it and send again.",
        field=field,
    )


def is_uid(text: str) -> bool:
    """Say whether `text` has the form of an identifier of this clinic; what has not names nothing."""
    return _UID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Field:
    """A named value of an action. `public` is False for what only the clinic's own code computes (a password's hash):
    no form, command or stanza can reach an action that has such a field. `audited` values appear in the audit log.
    """

    name: str
    label: str = ""
    required: bool = True
    public: bool = True
    audited: bool = True

    def parse(self, raw: Any) -> Any:
        """Return the checked value of `raw`. Raises: Invalid, TooLong."""
        if raw is None or raw == "":
            if self.required:
                raise Invalid(self.missing, field=self.name)
            return None
        return self.check(raw)

    @property
    def missing(self) -> str:
        """What to say when a required value is not there."""
        return f"{self.label or self.name.replace('_', ' ').capitalize()} is missing."

    def check(self, raw: Any) -> Any:
        raise Invalid(f"{self.name} is of no known form.", field=self.name)

    def text(self, raw: Any) -> str:
        if not isinstance(raw, str):
            raise Invalid(f"{self.label or self.name} must be text.", field=self.name)
        return refuse_unsendable(raw, self.name)


@dataclass(frozen=True, slots=True)
class Text(Field):
    """Text of at most `max_bytes` in UTF-8. A single line is trimmed and its blanks folded; `multiline` keeps its
    form and only refuses to be blank. Never in the audit log: it may hold health data. Somebody's own link to a file becomes the
    address that asks who one is, at every door.
    """

    max_bytes: int = 1024
    multiline: bool = False
    audited: bool = False

    def check(self, raw: Any) -> str:
        value = canonical(self.text(raw).replace("\r\n", "\n").replace("\r", "\n"))
        size = len(value) if value.isascii() else len(value.encode())
        if size > self.max_bytes:
            raise TooLong(
                f"This text is {size:,} bytes long; {self.max_bytes:,} is the most. Shorten it or send it in parts.",
                field=self.name,
            )
        value = value if self.multiline else " ".join(value.split())
        if not value.strip():
            raise Invalid(f"{self.label or self.name.capitalize()} is empty.", field=self.name)
        return value


@dataclass(frozen=True, slots=True)
class Uid(Field):
    """The uid of an object, as it appears in a URL."""

    def check(self, raw: Any) -> str:
        value = self.text(raw).strip()
        if not is_uid(value):
            raise Invalid(f"{self.label or self.name} is not an identifier of this clinic.", field=self.name)
        return value


@dataclass(frozen=True, slots=True)
class ClientId(Field):
    """The sender's own id of one message, 1 to 128 characters: the same id again is the same message (rule 9)."""

    audited: bool = False

    def check(self, raw: Any) -> str:
        value = self.text(raw)
        if len(value) > 128:
            raise Invalid("The message's id is longer than 128 characters.", field=self.name)
        return value


@dataclass(frozen=True, slots=True)
class AppId(ClientId):
    """What somebody's app calls a message: kept and given back as it is, and nothing that a person is asked for."""

    def check(self, raw: Any) -> str:
        value = self.text(raw)
        if len(value.encode()) > 1024:
            raise Invalid("The message's id is longer than 1024 bytes.", field=self.name)
        return value


def _choose(field: Field) -> str:
    word = (field.label or field.name.replace("_", " ")).lower()
    return f"Choose {'an' if word[0] in 'aeiou' else 'a'} {word}."


@dataclass(frozen=True, slots=True)
class Choice(Field):
    """One of `options`. words: what people read for each of them, in their order, where the code itself is no word ("A-", "cm")."""

    options: tuple[str, ...] = ()
    words: tuple[str, ...] = ()

    @property
    def missing(self) -> str:
        return _choose(self)

    def check(self, raw: Any) -> str:
        value = self.text(raw).strip()
        if value not in self.options:
            raise Invalid(f"{self.label or self.name}: choose one of {', '.join(self.options)}.", field=self.name)
        return value


@dataclass(frozen=True, slots=True)
class Choices(Field):
    """One or more of `options`, given as a list or as text separated by commas."""

    options: tuple[str, ...] = ()

    @property
    def missing(self) -> str:
        return _choose(self)

    def check(self, raw: Any) -> tuple[str, ...]:
        given = raw.split(",") if isinstance(raw, str) else raw
        if isinstance(given, Sequence) and not given and self.required:
            raise Invalid(self.missing, field=self.name)
        if not isinstance(given, Sequence):
            raise Invalid(f"{self.label or self.name} must be a list.", field=self.name)
        one = Choice(self.name, self.label, options=self.options)
        return tuple(dict.fromkeys(one.check(item) for item in given))


@dataclass(frozen=True, slots=True)
class Option:
    """One thing to pick: the value that the action takes, what people read, and what tells two of one label apart.

    entry: uid of the entry that shows it whole, where there is one, in `thread` (a uid) or, without it, in the thread of the form.
    without: names of other fields of the form that are not to be filled where it is chosen.
    """

    value: str
    label: str
    more: str = ""
    entry: str = ""
    thread: str = ""
    without: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pick(Field):
    """One thing of what there is in the clinic just now: a member, a status, a saved reply. `options(work, thread)` lists
    what the actor may pick, for the doors that show it; the action itself decides whether the value is one of them.

    needed: of a field that may be left out, whether it has to be filled where there is anything to choose from.
    """

    options: Callable[[Any, Any], Sequence[Option]] = lambda _work, _thread: ()
    needed: bool = False

    @property
    def missing(self) -> str:
        return _choose(self)

    def check(self, raw: Any) -> str:
        value = self.text(raw).strip()
        if len(value) > 128:
            raise Invalid(f"{self.label or self.name}: choose one of the list.", field=self.name)
        return value


@dataclass(frozen=True, slots=True)
class PickSeveral(Pick):
    """One or more things of what there is, given as a list or as text separated by commas."""

    @property
    def missing(self) -> str:
        return f"{self.label or self.name.replace('_', ' ').capitalize()}: choose at least one."

    def check(self, raw: Any) -> Any:
        given = raw.split(",") if isinstance(raw, str) else raw
        if not isinstance(given, Sequence) or (not given and self.required):
            raise Invalid(self.missing, field=self.name)
        if len(given) > 1000:
            raise Invalid(f"{self.label or self.name}: choose at most 1000.", field=self.name)
        return tuple(dict.fromkeys(Pick.check(self, item) for item in given if item != ""))


@dataclass(frozen=True, slots=True)
class PickMessage(Pick):
    """One message of the thread; `options` lists them newest first. newest: where none is named, the newest of them is meant."""

    newest: bool = False


@dataclass(frozen=True, slots=True)
class PickPerson(Pick):
    """Somebody of this clinic, by their account's uid. Their account is locked before the thread is, as links are decided under it."""


@dataclass(frozen=True, slots=True)
class PickPeople(PickSeveral, PickPerson):
    """One or more people of this clinic, each as PickPerson."""


@dataclass(frozen=True, slots=True)
class Moment(Field):
    """A date and time: 2026-11-30 09:00 on the clinic's clock, or with an offset of its own.

    Returns an aware instant, or a naive one that the action reads by the clinic's time zone (`clinic.account.settings.instant`).
    """

    audited: bool = True

    def check(self, raw: Any) -> datetime:
        try:
            return raw if isinstance(raw, datetime) else datetime.fromisoformat(self.text(raw).strip().replace("Z", "+00:00"))
        except ValueError:
            raise Invalid(
                f"{self.label or self.name}: write date and time as year-month-day hour:minute, for example 2026-11-30 09:00.",
                field=self.name,
            ) from None


@dataclass(frozen=True, slots=True)
class Flag(Field):
    """Yes or no, in the spellings of web forms and data forms."""

    def check(self, raw: Any) -> bool:
        if isinstance(raw, bool):
            return raw
        value = str(raw).strip().lower()
        if value in {"1", "true", "yes", "on"}:
            return True
        if value in {"0", "false", "no", "off"}:
            return False
        raise Invalid(f"{self.label or self.name}: say yes or no.", field=self.name)


@dataclass(frozen=True, slots=True)
class Computed(Field):
    """A value that the clinic's own code supplies, of type `kind`; unreachable for every client."""

    kind: type = str
    public: bool = False
    audited: bool = False

    def check(self, raw: Any) -> Any:
        if not isinstance(raw, self.kind):
            raise TypeError(f"{self.name} must be {self.kind.__name__}, not {type(raw).__name__}")
        return raw


def parse_all(fields: Sequence[Field], values: Mapping[str, Any]) -> dict[str, Any]:
    """Check every declared field against `values` and return the parsed ones by name.

    Raises: Invalid or TooLong of the first field that refuses; Invalid for a name that is not declared.
    """
    parsed = {field.name: field.parse(values.get(field.name)) for field in fields}
    unknown = sorted(values.keys() - parsed.keys())
    if unknown:
        raise Invalid(f"Unknown field: {', '.join(unknown)}.", field=unknown[0])
    return parsed
