"""The form of an offered action, drawn from what it declares. Owns draw_form. Imports Flask and clinic.

The page that opens it is web/pages/doing.py; web/actions.py draws it again after a refusal, with what was typed.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from flask import render_template, url_for

from clinic.errors import DomainError, Gated, NotFound
from clinic.offers import Offered, Shape, offer
from clinic.thread.views import EntryView, thread_entry, thread_head
from clinic.work import Work
from web.auth import current_actor
from web.db import clinic_db
from web.drawing import draw

Typed = Mapping[str, Sequence[str]]
"""What was typed or is filled in beforehand: values by field, as a form holds them."""


def home_of(thread_uid: str | None) -> str:
    """Return where somebody goes who has done something, or would rather not: the thread, or the list of threads."""
    return url_for("threads.show", uid=thread_uid) if thread_uid else url_for("threads.home")


def draw_form(action: str, thread_uid: str | None, typed: Typed, back: str, error: DomainError | None = None) -> str:
    """Return the page that asks for an action's fields, or only whether it is meant.

    back: a path of this site. Where to see what there is to choose is a look, that is in the audit log first. Raises: NotFound where the action
    is not offered to this person, there and now; NotNow; Busy.
    """
    with clinic_db().read(current_actor()) as work:
        found = offer(work, action, thread_uid)
    if found.offer.look:  # while its audit row cannot be stored, nobody sees what there is
        clinic_db().perform(current_actor(), found.offer.look, thread_uid)
    with clinic_db().read(current_actor()) as work:
        found = offer(work, action, thread_uid) if found.offer.look else found
        title = thread_head(work, thread_uid).title if thread_uid else None
        about = _about(work, found, typed)
        cards = dict(_cards(work, found, typed))
    names = {field.name for field in found.fields}
    # What is newest when the form is sent may be another message than the one that its reader saw.
    first = {field.name: [field.options[0].value] for field in found.fields if field.options and (field.newest or field.name in cards)}
    return render_template(
        "doing.html",
        here="threads",
        offered=found,
        thread_title=title,
        meant=about,
        cards=cards,
        draw=draw,
        typed=first | {name: _shown(found, name, list(values)) for name, values in typed.items() if name in names},
        back=back,
        sure=_asks_whether_meant(found, cards),
        client_id=(typed.get(found.client_id) or [str(uuid.uuid4())])[0] if found.client_id else None,
        asked_in=error.thread if isinstance(error, Gated) else "",
        problem=error.page_text if error else None,
        problem_field=error.field if error and error.field in names else None,
    )


def _asks_whether_meant(found: Offered, cards: Mapping[str, EntryView]) -> bool:
    """Say whether the page asks if it is meant: who has filled in what must be filled in has said so, unless somebody loses something by it."""
    fills_in = any(field.required and field.shape is not Shape.UID and field.name not in cards for field in found.fields)
    return found.offer.grave and (found.offer.takes_away or not fills_in)


def _about(work: Work, found: Offered, typed: Typed) -> EntryView | None:
    """Return the message that the form is about where no field of it says so, that nobody forwards another one than they mean."""
    entry = (typed.get("entry") or [""])[0]
    unseen = any(field.name == "entry" and field.shape is Shape.UID for field in found.fields)
    with suppress(NotFound):
        return thread_entry(work, found.thread, entry) if unseen and found.thread and entry else None
    return None


def _cards(work: Work, found: Offered, typed: Typed) -> Iterator[tuple[str, EntryView]]:
    """Yield what is meant as its entry shows it, by field: where the address names it, or there is nothing else to choose."""
    for field in found.fields:
        given = (typed.get(field.name) or [""])[0]
        if not given and field.message and len(field.options) == 1:
            given = field.options[0].value
        meant = next((option for option in field.options if option.value == given and option.entry), None)
        if meant is not None and found.thread is not None:
            with suppress(NotFound):
                # To be read here: what can be done with it is what this page asks.
                yield field.name, replace(thread_entry(work, meant.thread or found.thread, meant.entry), offers=frozenset(), doable=frozenset(), thread="")


def _shown(found: Offered, name: str, values: list[str]) -> list[str]:
    shape = next(field.shape for field in found.fields if field.name == name)
    if shape is Shape.SEVERAL:  # links may carry several in one value, as the fields themselves take them
        return [part for value in values for part in value.split(",")]
    if shape is Shape.MOMENT:
        return [value.strip().replace(" ", "T")[:16] for value in values]
    return values
