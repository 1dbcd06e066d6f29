"""Documents that are sent on from Images & Documents, and handouts. Source: product.md, Files."""

from __future__ import annotations

import pytest

from clinic import Actor, Database, Role
from clinic.actions import ACTIONS
from clinic.errors import Conflict, Invalid, NotFound
from clinic.fields import Pick
from clinic.file.folders import targets
from clinic.file.forwarding import chosen
from tests.support.cast import Cast
from tests.support.filing import can_read, entries_of, forwarded, group, handout, own_names, sent


def test_a_patients_document_is_sent_on_where_they_are_and_is_not_twice_in_their_folder(cast: Cast, database: Database) -> None:
    direct, both = cast.start("boris", "ana"), group(cast, "ana", "ada")
    document = sent(database, cast.ana, direct)
    copy = forwarded(database, cast.boris, both, document)
    assert copy != document and own_names(database, cast.ana) == ["knee.jpg"] and own_names(database, cast.ada) == []
    assert can_read(database, cast.ada, copy) and not can_read(database, cast.ada, document)


def test_a_document_is_refused_in_words_where_its_patient_is_not(cast: Cast, database: Database) -> None:
    document = sent(database, cast.ana, cast.start("boris", "ana"))
    cast.link("ada", "boris")
    for elsewhere in (cast.start("boris", "ada"), cast.start("boris", "bella")):
        with pytest.raises(Invalid, match="Ana Alvarez, who is not in this thread"):
            forwarded(database, cast.boris, elsewhere, document)


def test_a_patient_sends_on_what_is_in_their_own_folder_alone(cast: Cast, database: Database) -> None:
    both = group(cast, "ana", "ada")
    hers = sent(database, cast.ana, both)
    with pytest.raises(Invalid, match="your own Images & Documents"):
        forwarded(database, cast.ada, both, hers)
    assert can_read(database, cast.ada, forwarded(database, cast.ana, both, hers))


def test_a_handout_enters_the_folder_of_the_one_patient_and_asks_where_there_are_several(cast: Cast, database: Database) -> None:
    direct, both = cast.start("boris", "ana"), group(cast, "ana", "ada")
    document = handout(database, cast.boris)
    assert not can_read(database, cast.chen, document)
    forwarded(database, cast.boris, direct, document)
    assert own_names(database, cast.ana) == ["exercises.pdf"] == own_names(database, cast.boris)
    forwarded(database, cast.boris, both, document, "c-2")
    shown = entries_of(database, cast.boris, both)[-1]
    assert shown.payload.unfiled and shown.doable == {"file.put_under"} and own_names(database, cast.ada) == []
    assert entries_of(database, cast.ada, both)[-1].doable == frozenset()
    with pytest.raises(NotFound):
        forwarded(database, cast.chen, both, document, "c-3")


def test_what_is_sent_on_again_under_one_id_is_sent_once(cast: Cast, database: Database) -> None:
    thread = cast.start("boris", "ana")
    document, other = sent(database, cast.ana, thread), sent(database, cast.ana, thread, "c-2")
    first = database.perform(cast.boris, "file.forward", thread, document=document, client_id="c-forward")
    again = database.perform(cast.boris, "file.forward", thread, document=document, client_id="c-forward")
    assert (again.duplicate, again.value) == (True, first.value)
    with pytest.raises(Conflict):
        database.perform(cast.boris, "file.forward", thread, document=other, client_id="c-forward")


def test_whose_a_document_is_and_who_will_see_it_goes_by_account_as_names_may_be_alike(cast: Cast, database: Database) -> None:
    def named_alike(role: Role, born: str | None = None) -> str:
        values = {"name": "Ana Alvarez", "roles": [role], "birth_date": born, "email": f"{role}.alike@clinic.example"}
        return str(database.perform(Actor.system(), "account.create", **values).value.account_uid)

    twin, doctor = named_alike(Role.PATIENT, "1999-09-09"), named_alike(Role.PRACTITIONER)
    thread = str(database.perform(cast.boris, "group.create", title="Knee class", people=[twin, cast.uid("ana"), doctor], reason="Same.").value)
    document = sent(database, cast.ana, cast.start("boris", "ana"))
    for reader in (cast.boris, Actor.page(doctor, Role.PRACTITIONER, "session-of-alike")):
        with database.read(reader) as work:
            loaded = work.thread(thread)
            nicks = {one.uid: one.nick for one in loaded.patients}
            field = ACTIONS["file.forward"].fields[0]
            assert isinstance(field, Pick) and nicks[twin] != nicks[cast.uid("ana")]
            assert [one.more for one in field.options(work, loaded)] == [f"Image, 1 KB; of {nicks[cast.uid('ana')]}; {nicks[twin]} will see it"]
            one, readers = chosen(work, thread, document)
            assert (one.owner_uid, readers) == (cast.uid("ana"), (nicks[twin],))


def test_a_document_goes_only_to_threads_that_are_named(cast: Cast, database: Database) -> None:
    direct, both = cast.start("boris", "ana"), group(cast, "ana", "ada")
    cast.start("boris", "bella")
    document = sent(database, cast.ana, direct)
    with database.read(cast.boris) as work:
        name, found = targets(work, document)
    assert name == "knee.jpg" and {one.uid: one.readers for one in found} == {direct: (), both: ("Ada Almeida",)}
