"""Forwarding: within staff, marked with its origin, never to where a patient reads."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from clinic.errors import Conflict, Invalid, NotFound, NotPermitted
from clinic.text.forward import ForwardedPayload, _targets
from clinic.thread.views import EntryView, thread_page
from tests.support.cast import Cast


@pytest.fixture
def thread(cast: Cast) -> str:
    return cast.start("boris", "ana")


@pytest.fixture
def colleagues(cast: Cast) -> str:
    return cast.start("boris", "bella")


def last(cast: Cast, thread: str) -> EntryView:
    with cast.database.read(cast.bella) as work:
        return thread_page(work, thread).entries[-1]


def test_a_message_goes_to_colleagues_with_who_wrote_it_when_and_where(cast: Cast, thread: str, colleagues: str) -> None:
    uid = cast.post("ana", thread, "A rash since Monday")
    cast.post("ana", thread, "And a fever")
    values = {"entry": uid, "target": colleagues, "client_id": "f"}
    made = cast.database.perform(cast.boris, "text.forward", thread, **values).value
    assert cast.database.perform(cast.boris, "text.forward", thread, **values).value == made
    entry = last(cast, colleagues)
    assert isinstance(entry.payload, ForwardedPayload) and entry.uid == made and entry.author and entry.author.name == "Boris Brandt"
    assert (entry.payload.text, entry.payload.author, entry.payload.title) == ("A rash since Monday", "Ana Alvarez", "Ana Alvarez")
    with pytest.raises(Conflict):
        cast.database.perform(cast.boris, "text.forward", thread, target=colleagues, client_id="f")
    cast.database.perform(cast.boris, "text.forward", thread, target=colleagues, client_id="g")
    assert last(cast, colleagues).body.endswith("And a fever")
    with cast.database.reading() as connection:
        details = [row.detail for row in connection.execute(sa.text("SELECT detail FROM audit_entries WHERE action = 'text.forward'"))]
    assert any(colleagues in detail and uid in detail for detail in details) and not any("rash" in detail for detail in details)


def test_what_is_forwarded_again_still_says_who_wrote_it_first(cast: Cast, thread: str, colleagues: str) -> None:
    cast.post("ana", thread, "First")
    cast.database.perform(cast.boris, "text.forward", thread, target=colleagues, client_id="f")
    cast.database.perform(cast.bella, "text.forward", colleagues, target=colleagues, client_id="g")
    assert last(cast, colleagues).payload.author == "Ana Alvarez"


def test_never_to_a_thread_with_a_patient_nor_to_one_that_is_not_theirs(cast: Cast, thread: str, colleagues: str) -> None:
    cast.post("ana", thread, "Private")
    cast.link("ada", "boris")
    other = cast.start("boris", "ada")
    with pytest.raises(Invalid, match="within staff"):
        cast.database.perform(cast.boris, "text.forward", thread, target=other, client_id="f")
    with pytest.raises(NotFound):
        cast.database.perform(cast.chen, "text.forward", thread, target=colleagues, client_id="f")
    with pytest.raises(NotPermitted):
        cast.database.perform(cast.ana, "text.forward", thread, target=thread, client_id="f")
    with pytest.raises(NotFound):
        cast.database.perform(cast.bella, "text.forward", thread, target=colleagues, client_id="f")
    with cast.database.read(cast.boris) as work:
        assert [option.value for option in _targets(work, work.thread(thread))] == [colleagues]
    with cast.database.read(cast.chen) as work:
        assert _targets(work, work.thread(thread)) == []
