"""A practitioner's profile: for whom it is, and who writes it. Source: product.md, Practitioner profile."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from clinic import Actor, Database, errors
from clinic.account.sweep import sweep
from clinic.file.media import Form, Inspection
from clinic.file.tables import blobs, uploads
from clinic.file.uploading import State, upload_bytes, upload_state
from clinic.profile.photo import CLOSED, photo
from clinic.profile.practitioner import PractitionerProfile, practitioner
from clinic.profile.tables import practitioner_photos
from tests.support.cast import Cast
from tests.support.filing import JPEG, can_read, checked, own_names


def read(cast: Cast, who: str, of: str = "boris") -> PractitionerProfile:
    with cast.database.read(getattr(cast, who)) as work:
        return practitioner(work, cast.uid(of))


def describe(cast: Cast, who: str, **values: Any) -> Any:
    return cast.database.perform(getattr(cast, who), "practitioner.describe", **values).value


def test_whoever_is_linked_or_shares_a_thread_reads_it_and_nobody_else(cast: Cast) -> None:
    describe(cast, "boris", version=0, title="Dr. med.", bio="Lungs.")
    for who in ("ana", "chen", "boris"):  # linked, assisting, themselves
        assert read(cast, who).said.get("bio").value == "Lungs."
    for who in ("ada", "bella", "eve"):
        with pytest.raises(errors.NotFound):
            read(cast, who)
    cast.start("boris", "bella")
    assert read(cast, "bella").name == "Boris Brandt" and not read(cast, "bella").mine
    with pytest.raises(errors.NotPermitted):
        read(cast, "dina")
    for nobody in ("ana", "chen"):  # who is no practitioner has none
        with pytest.raises(errors.NotFound):
            read(cast, "boris", nobody)
    cast.database.perform(cast.dina, "account.deactivate", cast.uid("boris"))
    with pytest.raises(errors.NotFound):
        read(cast, "ana")


def test_it_leads_to_the_threads_that_its_reader_shares_with_them_and_to_no_other(cast: Cast, database: Database) -> None:
    assert read(cast, "ana").threads == ()
    cast.link("ada", "boris")
    direct, others = cast.start("boris", "ana"), cast.start("boris", "ada")
    people = [cast.uid(name) for name in ("ana", "ada")]
    group = str(database.perform(cast.boris, "group.create", title="Knee class", people=people, reason="Same exercises.").value)
    assert {(one.uid, one.title) for one in read(cast, "ana").threads} == {(direct, "Boris Brandt"), (group, "Knee class")}
    assert {one.uid for one in read(cast, "ada").threads} == {others, group} and read(cast, "boris").threads == ()
    database.perform(cast.boris, "group.close", group)
    assert [one.uid for one in read(cast, "ana").threads] == [direct]


def test_it_says_when_they_are_away_and_who_covers_and_assists(cast: Cast, database: Database) -> None:
    now = database.now()
    database.perform(cast.boris, "absence.begin", since=now + timedelta(days=2), until=now + timedelta(days=5), cover=cast.uid("bella"))
    profile = read(cast, "ana")
    assert [(leave.cover, leave.runs) for leave in profile.leaves] == [("Bella Baptiste", False)]
    assert [one.name for one in profile.coordinators] == ["Chen Cheng"]
    database.perform(cast.boris, "absence.end")
    assert read(cast, "ana").leaves == ()


def test_only_its_practitioner_writes_it_and_a_second_window_loses_nothing(cast: Cast) -> None:
    describe(cast, "boris", version=0, title="Dr.", bio="Lungs.")
    with pytest.raises(errors.Conflict):
        describe(cast, "boris", version=0, title="Dr.", bio="Sleep.")
    describe(cast, "boris", version=1, title="Dr.", bio="Sleep.")
    assert read(cast, "ana").said.get("bio").value == "Sleep."
    for who in ("ana", "chen", "dina"):
        with pytest.raises(errors.NotPermitted):
            describe(cast, who, version=0, title="Dr.")


def begun(cast: Cast, who: str = "boris", client_id: str = "c-photo") -> str:
    return str(cast.database.perform(getattr(cast, who), "practitioner.begin_photo", name="me.jpg", size_bytes=1000, client_id=client_id).value)


def uploaded(cast: Cast, who: str = "boris", found: Inspection = JPEG, client_id: str = "c-photo") -> State:
    return State(checked(cast.database, begun(cast, who, client_id), found).value)


def test_a_photo_is_seen_by_whoever_reads_the_profile_and_the_photo_itself_by_nobody(cast: Cast) -> None:
    assert read(cast, "ana").photo == ""
    assert uploaded(cast) is State.SENT
    file = read(cast, "ana").photo
    for who in ("ana", "chen", "boris"):
        with cast.database.read(getattr(cast, who)) as work:
            assert photo(work, cast.uid("boris")).uid == file
        assert not can_read(cast.database, getattr(cast, who), file)  # its bytes as they came say where it was taken
    for who in ("ada", "bella", "eve"):
        with cast.database.read(getattr(cast, who)) as work, pytest.raises(errors.NotFound):
            photo(work, cast.uid("boris"))
    assert own_names(cast.database, cast.boris) == []  # it is no handout
    with pytest.raises(errors.NotPermitted):
        uploaded(cast, "chen")


def test_another_photo_takes_its_place_and_it_is_removed_and_what_was_there_is_kept(cast: Cast) -> None:
    uploaded(cast)
    first = read(cast, "ana").photo
    uploaded(cast, client_id="c-other")
    second = read(cast, "ana").photo
    assert first != second
    for _twice in range(2):
        cast.database.perform(cast.boris, "practitioner.remove_photo")
        assert read(cast, "ana").photo == ""
        with cast.database.read(cast.ana) as work, pytest.raises(errors.NotFound):
            photo(work, cast.uid("boris"))
    uploaded(cast, client_id="c-third")
    assert read(cast, "ana").photo not in ("", first, second)
    with cast.database.reading() as connection:
        kept = connection.execute(sa.select(practitioner_photos).order_by(practitioner_photos.c.version)).all()
    assert [(row.version, row.file_id is None, row.author_id == kept[0].account_id, row.role) for row in kept] == [
        (1, False, True, "practitioner"), (2, False, True, "practitioner"), (3, True, True, "practitioner"), (4, False, True, "practitioner")]


def test_what_is_no_picture_is_too_large_or_comes_after_the_account_was_closed_is_no_photo(cast: Cast) -> None:
    for number, found in enumerate((Inspection("application/pdf", Form.PDF, shown_type="image/webp"), Inspection("image/tiff", Form.IMAGE))):
        assert uploaded(cast, found=found, client_id=f"c-{number}") is State.REFUSED and read(cast, "ana").photo == ""
    with pytest.raises(errors.TooLong, match="20.0 MB is the most"):
        cast.database.perform(cast.boris, "practitioner.begin_photo", name="me.jpg", size_bytes=20_000_001, client_id="c-large")
    late = begun(cast, client_id="c-late")
    with cast.database.read(Actor.system()) as work:
        assert not upload_bytes(work, late).slot  # no app puts it by an address
    cast.database.perform(cast.dina, "account.deactivate", cast.uid("boris"))
    assert checked(cast.database, late).value is State.REFUSED
    with cast.database.reading() as connection:
        assert connection.execute(sa.select(uploads.c.words).where(uploads.c.uid == late)).scalar() == CLOSED


def test_what_was_chosen_last_counts_whatever_arrives_last(cast: Cast) -> None:
    first, second = begun(cast, client_id="c-large"), begun(cast, client_id="c-small")
    assert checked(cast.database, second).value is State.SENT
    stands = read(cast, "ana").photo
    assert checked(cast.database, first).value is State.REFUSED and read(cast, "ana").photo == stands
    with cast.database.read(cast.boris) as work:
        assert upload_state(work, first).words.startswith("You have chosen another photo since")
    on_its_way = begun(cast, client_id="c-third")
    cast.database.perform(cast.boris, "practitioner.remove_photo")
    assert checked(cast.database, on_its_way).value is State.REFUSED and read(cast, "ana").photo == ""
    on_its_way = begun(cast, client_id="c-again")
    cast.database.perform(cast.boris, "practitioner.remove_photo")  # again, from a page that did not know
    assert checked(cast.database, on_its_way).value is State.REFUSED and read(cast, "ana").photo == ""
    early, late = begun(cast, client_id="c-fourth"), begun(cast, client_id="c-fifth")
    assert [checked(cast.database, one).value for one in (early, late)] == [State.SENT, State.SENT] and read(cast, "ana").photo == late


def test_a_photo_stays_when_its_upload_is_forgotten_and_one_that_was_refused_goes(cast: Cast, database: Database) -> None:
    uploaded(cast)
    uploaded(cast, found=Inspection("image/tiff", Form.IMAGE), client_id="c-refused")
    now = database.now()
    database.now = lambda: now + timedelta(days=40)
    sweep(database)
    with database.reading() as connection:
        assert connection.execute(sa.select(uploads.c.uid)).all() == []
        assert [row.uid for row in connection.execute(sa.select(blobs.c.uid))] == [read(cast, "ana").photo]
