"""How commands are written as messages: reading one by what is offered, and the words for how it is written. Owns no state.

Imports the standard library and clinic; the commands themselves are text_commands.py. Source: house rule 15.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from clinic.errors import Invalid
from clinic.fields import Option
from clinic.offers import Offered, OfferedField, Shape, confirm_link

BETWEEN = re.compile(r"(?:^|\s);(?=\s|$)")
MOST_VALUES = 30
# So much of what somebody typed is said again: servers and browsers refuse long addresses, and nobody reads a long refusal.
MOST_SAID_AGAIN, MOST_IN_LINK = 60, 1500
EXPLAINS = r"[,(]"  # where what a label explains begins
AS_TEXT = "To send it as text, begin with something else."

def understood(offered: Offered, rest: str, base: str) -> dict[str, Any]:
    """Return the values of a command's rest by field. Raises: Invalid, which says how it is written and what there is to choose."""
    fields = list(offered.asked)
    values: dict[str, Any] = {}
    parts = _parts(fields, rest)
    if parts is None:
        raise Invalid(f"These are more values than it takes.\n{usage(offered, base)}")
    for field, part in parts:
        try:
            values[field.name] = _value(field, part, alone=len(fields) == 1)
        except Invalid as error:
            filled = {name: value for name, value in values.items() if value}
            raise Invalid(f"{error.text}\n{usage(offered, base, filled)}", field=field.name) from None
    _refuse_what_does_not_go(offered, values, base)
    return values


def _refuse_what_does_not_go(offered: Offered, values: Mapping[str, Any], base: str) -> None:
    """Refuse what is not to be filled with what was chosen, before anybody is asked whether they mean it. Raises: Invalid."""
    labels = {field.name: _short(field) for field in offered.asked}
    chosen = [option for field in offered.asked for option in field.options if option.value == values.get(field.name)]
    for option, name in ((one, name) for one in chosen for name in one.without if values.get(name)):
        left = {key: value for key, value in values.items() if value and key != name}
        words = f"{labels[name].capitalize()} does not go with {option.label} ({option.more}): leave it out."
        raise Invalid(f"{words}\n{usage(offered, base, left)}", field=name)


def _parts(fields: list[OfferedField], rest: str) -> list[tuple[OfferedField, str]] | None:
    """Deal what stands between " ; " to the fields in order; what is not enough for all goes to those that must be filled."""
    if len(fields) < 2:
        return [(fields[0], rest)] if fields else (None if rest else [])
    parts = [part.strip() for part in BETWEEN.split(rest)]
    if fields[-1].message and fields[-2].shape is Shape.LINES and len(parts) > 1 and not _means(fields[-1], parts[-1]):
        parts.append("")  # the last words are not a message of theirs, but their own
    if (more := len(parts) - len(fields)) > 0:  # somebody's own words hold a semicolon too
        at = next((place for place, field in enumerate(fields) if field.shape is Shape.LINES), len(fields) - 1)
        parts[at:at + more + 1] = [" ; ".join(parts[at:at + more + 1])]
    required = [field for field in fields if field.required]
    takers = required if len(parts) == len(required) else fields
    dealt = dict(zip((field.name for field in takers), parts, strict=False))
    return [(field, dealt.get(field.name, "")) for field in fields]


def _means(field: OfferedField, text: str) -> bool:
    """Say whether words behind somebody's own name a message: all that it says, or how it begins, in two words or more."""
    said = " ".join(text.casefold().split())
    labels = [" ".join(option.label.casefold().split()) for option in field.options]
    return not said or said in labels or text.strip() in [option.value for option in field.options] or (
        " " in said and any(label.startswith(said) for label in labels))


def _value(field: OfferedField, text: str, *, alone: bool) -> Any:
    if not text:
        if field.shape is Shape.FLAG and alone:
            return "yes"  # "!mute" alone means what it says
        if field.required:
            raise Invalid(f"{re.split(EXPLAINS, field.label)[0].strip()} is missing.")
        return None
    if field.shape is Shape.SEVERAL:
        whole = matching(field, text)  # one label may hold a comma
        return [whole[0].value] if len(whole) == 1 else [_one(field, part.strip()) for part in text.split(",") if part.strip()]
    return _one(field, text) if field.shape is Shape.ONE else text


def _one(field: OfferedField, text: str) -> str:
    found = matching(field, text)
    if len(found) == 1:
        return found[0].value
    if found:
        raise Invalid(f"{field.label}: “{short(text)}” may be {_or([_named(one, found) for one in found])}. Write more of it.")
    if not field.options:
        raise Invalid(f"{field.label}: there is nothing to choose from just now.")
    raise Invalid(f"{field.label}: there is no “{short(text)}”.")


def short(text: str) -> str:
    """Return what somebody typed, as much of it as is said again."""
    return text if len(text) <= MOST_SAID_AGAIN else f"{text[:MOST_SAID_AGAIN]}…"


def matching(field: OfferedField, text: str) -> list[Option]:
    """Return the options that somebody means by `text`: the one of that label or value, else those that begin so, else those with such a word."""
    text = " ".join(text.casefold().split())
    labels = [(option, " ".join(option.label.casefold().split())) for option in field.options]
    for fits in (
        lambda option, label: text in (label, option.value.casefold(), f"{label} {option.more.casefold()}"),
        lambda option, label: label.startswith(text),
        lambda option, label: any(word.startswith(text) for word in label.split()),
    ):
        found = [option for option, label in labels if fits(option, label)]
        if found:
            return found
    return []


def _named(option: Option, among: Sequence[Option]) -> str:
    """Return an option's label, with what tells it from others of the same."""
    twice = sum(one.label == option.label for one in among) > 1
    return f"{option.label} {option.more}" if twice and option.more else option.label


def _or(words: Sequence[str]) -> str:
    shown = list(words[:MOST_VALUES])
    rest = [f"{len(words) - MOST_VALUES} more"] if len(words) > MOST_VALUES else []
    between = "; " if any("," in word for word in shown) else ", "
    return between.join([*shown, *rest][:-1]) + (" or " if len(words) > 1 else "") + [*shown, *rest][-1]


def pattern(offered: Offered) -> str:
    """Return how a command is written: !word <field> ; [<field>]."""
    fields = [f"<{_short(field)}>" if field.required else f"[{_short(field)}]" for field in offered.asked]
    return " ".join([f"!{offered.offer.word}", *([" ; ".join(fields)] if fields else [])])


def example(offered: Offered) -> str:
    """Return a command as somebody might write it, with values that there are; not where to see these would be a look of its own."""
    fields = [] if offered.by_form else list(offered.asked)
    while fields and not fields[-1].required and (len(fields) > 1 or fields[0].chosen):
        fields.pop()  # a word of one's own is shown even where it may be left out
    parts = [f"<{_short(field)}>" if offered.offer.look and field.options else _example(field) for field in fields]
    return " ".join([f"!{offered.offer.word}", *([" ; ".join(parts)] if parts else [])])


def _example(field: OfferedField) -> str:
    if field.options:
        return field.options[0].label
    return {Shape.FLAG: "yes", Shape.MOMENT: tomorrow(), Shape.DAY: "1984-03-27", Shape.EMAIL: "name@example.org"}.get(field.shape, f"<{_short(field)}>")


def tomorrow() -> str:
    """Return a moment as it is written, which is still to come."""
    return f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d} 09:00"


def _short(field: OfferedField) -> str:
    """Return a field's label without what it explains."""
    return re.split(EXPLAINS, field.label.lower())[0].strip()


def usage(offered: Offered, base: str, filled: Mapping[str, Any] | None = None) -> str:
    """Return how a command is written, what there is to choose, and the page that asks for the same.

    What is said of a person's health stands in no address: it would be kept by browsers, and by whatever the link passes.
    """
    if offered.by_form:
        return by_form(offered, base)
    filled = None if offered.offer.about else filled
    lines = [f"Write: {pattern(offered)}"]
    for field in offered.asked:
        if field.options:
            lines.append(f"{field.label}: {_or([_named(one, field.options) for one in field.options])}.")
        elif field.shape is Shape.MOMENT:
            lines.append(f"{field.label}: for example {tomorrow()}.")
        elif field.shape is Shape.FLAG:
            lines.append(f"{field.label}: yes or no.")
    link = confirm_link(base, offered.action, offered.thread, filled)
    lines.append(f"Or fill it in here: {link if len(link) <= MOST_IN_LINK else confirm_link(base, offered.action, offered.thread)}")
    return "\n".join(lines)


def by_form(offered: Offered, base: str) -> str:
    """Return where the form is of what is not done by message: it shows what stands there, and has more fields than fit into one."""
    return "\n".join([
        "This has a form, which shows what stands there; it does not fit into a message. Nothing was changed.",
        f"Where your app lists commands for this thread, choose “{offered.title}” ({offered.offer.word}).",
        f"Or fill it in here: {confirm_link(base, offered.action, offered.thread)}",
    ])


def help_of(found: Mapping[str, Offered], word: str, base: str) -> str:
    """Return what somebody may do by message, each with an example; with a word, how that one is written."""
    if word in found:
        one = found[word]
        return "\n".join([f"{one.title}. {one.offer.help}".strip(), usage(one, base)])
    lines = [f"{example(one)} – {one.title[:1].lower()}{one.title[1:]}" for one in sorted(found.values(), key=lambda one: one.offer.word)]
    return "\n".join(["What you can do here by message:", *lines, "!help and a word says more of it."])


def unknown(word: str, found: Mapping[str, Offered]) -> str:
    """Return the words for a command that there is not, naming the nearest."""
    nearest = difflib.get_close_matches(word[:MOST_SAID_AGAIN], [*found, "help"], 1)
    meant = f" Did you mean !{nearest[0]}?" if nearest else ""
    return f"There is no command !{short(word)} here.{meant} !help lists what there is. Nothing was sent. {AS_TEXT}"


def pinned(offered: Offered, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values with the newest message named where none is: the one that somebody is asked about is the one that it happens to."""
    newest = {field.name: field.options[0].value for field in offered.asked if field.newest and field.options}
    return {**values, **{name: value for name, value in newest.items() if not values.get(name)}}


def _quoted(option: Option) -> str:
    """Return a message that was chosen: what it says, and whose it is where somebody chooses among others'."""
    return f"“{option.label}”" + (f" of {option.more}" if option.more else "")


def named(offered: Offered, values: Mapping[str, Any]) -> str:
    """Return which message it was that a command changed, or was about: it had been found by its words, or by being the newest."""
    said = {option.value: option.label for field in offered.asked if field.message for option in field.options}
    found = [said[value] for field in offered.asked if field.message and (value := values.get(field.name)) in said]
    return f" It was “{found[0]}”." if found and len(offered.asked) > 1 else ""


def said_of(offered: Offered, values: Mapping[str, Any]) -> str:
    """Return, after a space, what doing it means: of an answer, what this one does; else what the offer says."""
    said = offered.means.get(str(values.get(offered.offer.answers)), offered.offer.help)
    return f" {said}" if said else ""


def spelled(offered: Offered, values: Mapping[str, Any]) -> str:
    """Return in brackets what a command was understood as, so that a person sees whom it would hit."""
    said = []
    for field in offered.fields:
        value = values.get(field.name)
        picked = value if isinstance(value, list) else [value]
        labels = {option.value: _quoted(option) if field.message else f"{option.label} {option.more}".strip() for option in field.options}
        # What may be left out is not plain from its value alone: "Report 20.00 EUR, another amount 15".
        named_as = f"{_short(field)} " if field.shape is Shape.LINE and not field.required else ""
        said += [labels.get(one, f"{named_as}{one}") for one in picked if one]
    return f" ({', '.join(said)})" if said else ""

