"""Contracts over the kinds of entries: each is stored, said in words, sent and drawn whole, whatever people wrote."""

from __future__ import annotations

from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest
import sqlalchemy as sa
from flask import Flask

from clinic import ACTIONS, KINDS, Database
from clinic.file.kinds import Filed, FilePayload, VoicePayload
from clinic.file.media import Form
from clinic.kinds import Payload, encode
from clinic.log import entries
from clinic.payment.kinds import WITHDRAWN_BECAUSE, PaymentDecision, PaymentRequest, Settlement
from clinic.payment.states import State
from clinic.short_video import kinds as short_video
from clinic.status.kinds import StatusChange
from clinic.text.forward import ForwardedPayload
from clinic.text.kinds import Correction, NotePayload, Reaction, Retraction, TextPayload
from clinic.thread.kinds import SENTENCES, Notice
from clinic.thread.views import EntryView, thread_list, thread_page
from clinic.urgent.kinds import UrgentPayload
from tests.support.cast import Cast
from web.drawing import draw

HOSTILE = "<script>alert(1)</script> ]]> & \" ' \u2028 \ud7ff"
ASKED = ("0" * 26, HOSTILE, 5000, "JPY")
# One payload of each kind and shape, with text that nobody has made harmless. Whoever adds a kind adds its samples here.
SAMPLES: dict[str, list[Payload]] = {
    "text": [TextPayload(HOSTILE), TextPayload(HOSTILE, HOSTILE, (HOSTILE,))],
    "internal-note": [NotePayload(HOSTILE)],
    "correction": [Correction(HOSTILE, HOSTILE, HOSTILE), Correction("x", HOSTILE, note=True)],
    "retraction": [Retraction("x"), Retraction("x", HOSTILE, HOSTILE, HOSTILE)],
    "reaction": [Reaction("x"), Reaction("x", (HOSTILE, "👍"))],
    "status": [StatusChange(HOSTILE, HOSTILE, "0" * 26, "blue", HOSTILE), StatusChange(HOSTILE, before=HOSTILE)],
    "notice": [Notice(code, (HOSTILE, "Boris", "Chen"), HOSTILE) for code in SENTENCES],
    "forwarded": [ForwardedPayload(HOSTILE, HOSTILE, "patient", "2026-11-29T10:42:00+00:00", HOSTILE)],
    "payment-request": [
        PaymentRequest("0" * 26, HOSTILE, 5000, "EUR", HOSTILE, HOSTILE, "0" * 26, HOSTILE, hours, HOSTILE, state, online)
        for hours, state, online in [(0, State.OPEN, False), *((24, state, True) for state in State)]
    ],
    "payment-decision": [
        *(PaymentDecision(*ASKED, state, HOSTILE, online=online) for state in ("accepted", "rejected", "withdrawn") for online in (False, True)),
        *(PaymentDecision(*ASKED, "withdrawn", why=why) for why in WITHDRAWN_BECAUSE),
    ],
    "settlement": [
        Settlement(*ASKED, state, HOSTILE, by, HOSTILE, given, test)
        for state in ("pending", "paid", "failed", "partly-refunded", "refunded", "delayed", "surplus")
        for by, given, test in (("", 0, False), (HOSTILE, 5000, True), ("", 1200, False))
    ],
    "file": [
        *(FilePayload("0" * 26, HOSTILE, "image/jpeg", form, 1000, 40, 30, 61_000, 2, "image/webp", 100, thumb=True) for form in Form),
        FilePayload("0" * 26, HOSTILE, HOSTILE, Form.OTHER, 200_000_000, note=True),
        FilePayload("0" * 26, HOSTILE, HOSTILE, Form.OTHER, 1, unfiled=True, origin="1" * 26),
    ],
    "filed": [Filed("0" * 26)],
    "voice": [
        VoicePayload("0" * 26, HOSTILE, "audio/webm", 1000, 61_000, (0, 31), HOSTILE),
        VoicePayload("0" * 26, HOSTILE, "audio/webm", 1000, 0, note=True),
        VoicePayload("0" * 26, HOSTILE, "audio/webm", 1000, 61_000, (0, 31), HOSTILE, origin="1" * 26, sent_on=True),
    ],
    "video-request": [
        short_video.VideoRequest("0" * 26, HOSTILE, HOSTILE, text, several, state)
        for text, several in ((HOSTILE, True), ("", False)) for state in short_video.State
    ],
    "video": [
        short_video.VideoPayload("0" * 26, HOSTILE, HOSTILE, 5000, 31_000, 640, 480, "0" * 26, True, private, shown)
        for private, shown in ((False, False), (True, False), (True, True))
    ],
    "video-withdrawn": [short_video.VideoWithdrawn("0" * 26, by, why) for by in (HOSTILE, "") for why in short_video.WITHDRAWN_BECAUSE],
    "video-reopened": [short_video.VideoReopened("0" * 26, HOSTILE, by, waits) for by in (HOSTILE, "") for waits in (True, False)],
    "video-became": [short_video.VideoBecame("0" * 26), short_video.VideoBecame("0" * 26, shown=False)],
    "urgent": [UrgentPayload(HOSTILE), UrgentPayload("")],
}


def test_every_kind_has_samples() -> None:
    assert set(SAMPLES) == set(KINDS)


@pytest.mark.parametrize(("name", "payload"), [(name, payload) for name in sorted(SAMPLES) for payload in SAMPLES[name]])
def test_every_kind_is_stored_said_sent_and_drawn_whole(name: str, payload: Payload, app: Flask) -> None:
    kind = KINDS[name]
    assert kind.decode(encode(payload)) == payload
    assert payload.body.strip()
    assert {*getattr(payload, "doable", ()), *(ask.action for ask in getattr(payload, "asks", ()))} <= set(ACTIONS)
    if kind.xml:
        child = ElementTree.fromstring(kind.xml(payload))
        assert child.tag.startswith(f"{{{kind.ns}}}")
    entry = EntryView("0" * 26, name, datetime.now(UTC), None, False, payload.body, payload, None, (), None)
    with app.test_request_context():
        drawn = draw(entry)
    assert f'data-kind="{name}"' in drawn
    assert "<script>" not in drawn


def test_an_entry_of_a_kind_that_a_newer_version_made_is_shown_in_words_and_hides_no_other(app: Flask, cast: Cast, database: Database) -> None:
    thread = cast.start("boris", "ana")
    uid = cast.post("boris", thread, "To be of another kind")
    cast.post("boris", thread, "After it")
    with database.writing() as connection:
        connection.execute(sa.update(entries).where(entries.c.uid == uid).values(kind="hologram", payload='{"depth": 3}'))
    with database.read(cast.ana) as work:
        page = thread_page(work, thread).entries
        assert thread_list(work)[0].last_line == "After it"
    assert "newer version" in page[-2].body
    with app.test_request_context():
        assert "newer version" in draw(page[-2])
