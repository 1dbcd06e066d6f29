"""What every template may use: the clinic's name, the visitor, icons and words. Owns install, clinic_card."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask, current_app, g, request
from jinja2.utils import urlize
from markupsafe import Markup, escape

from clinic.account.views import clinic_settings, is_empty
from clinic.calls import Actor, Door
from clinic.errors import Busy
from web.assets import Assets
from web.auth import current_visitor
from web.authority import fingerprint
from web.db import clinic_db
from web.times import Due, due, exact, human, iso, month_name, plain_date

ROLE_WORDS = {"patient": "Patient", "practitioner": "Practitioner", "coordinator": "Coordinator", "admin": "Administrator"}
THEME_COOKIE = "bedside_theme"
_LAST_CARD = "bedside-last-card"


@dataclass(frozen=True, slots=True)
class Card:
    """What every page says of the clinic."""

    name: str
    emergency_number: str
    zone: ZoneInfo


# What the page offers to react with; apps may send others.
EMOJIS = (("👍", "Thumbs up"), ("❤️", "Heart"), ("✅", "Done"), ("👀", "Looking at it"), ("🙏", "Thank you"))

NO_CARD = Card("Clinic", "", ZoneInfo("UTC"))


def clinic_card() -> Card:
    """Return the clinic's name, emergency number and time zone, read once a request; as last read while the database is away."""
    if "clinic_card" not in g:
        try:
            with clinic_db().read(Actor.anonymous(Door.PAGE)) as work:
                found = clinic_settings(work)
        except Busy:
            g.clinic_card = current_app.extensions.get(_LAST_CARD, NO_CARD)
        else:
            g.clinic_card = Card(found["clinic_name"], found["emergency_number"], ZoneInfo(found["time_zone"]))
            current_app.extensions[_LAST_CARD] = g.clinic_card
    card: Card = g.clinic_card
    return card


def role_word(role: str) -> str:
    """Return the word for a role."""
    return ROLE_WORDS[str(role)]


def linked(text: str) -> Markup:
    """Return escaped text whose web addresses are links that tell the other site nothing."""
    return Markup(urlize(escape(text), rel="noopener noreferrer nofollow", target="_blank"))


def _human(at: datetime, form: str) -> str:
    return human(at, form, clinic_card().zone, clinic_db().now())


def _due(at: datetime) -> Due:
    return due(at, clinic_card().zone, clinic_db().now())


def _clinic_is_empty() -> bool:
    with clinic_db().read(Actor.anonymous(Door.PAGE)) as work:
        return is_empty(work)


def _exact(at: datetime) -> str:
    return exact(at, clinic_card().zone)


def _each_page() -> dict[str, Any]:
    card = clinic_card()
    theme = request.cookies.get(THEME_COOKIE)
    return {
        "visitor": current_visitor(),
        "clinic_name": card.name,
        "emergency_number": card.emergency_number,
        "theme": theme if theme in ("light", "dark") else None,
    }


def install(app: Flask) -> None:
    """Register filters, globals and what each page gets."""
    app.jinja_env.filters.update(human=_human, exact=_exact, iso=iso, plain_date=plain_date, month_name=month_name, linked=linked, due=_due)
    app.jinja_env.globals.update(EMOJIS=EMOJIS, fresh_id=lambda: str(uuid.uuid4()))
    app.jinja_env.globals.update(asset=Assets(), role_word=role_word, clinic_is_empty=_clinic_is_empty, authority_fingerprint=fingerprint)
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.context_processor(_each_page)
