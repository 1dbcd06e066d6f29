"""Images & Documents: who finds what in whose folder, what is sent on from it and where to, and that what is withdrawn is gone everywhere."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from clinic import Database
from clinic.audit.tables import audit_entries
from clinic.calls import Done
from clinic.errors import Conflict, Gated, Invalid, NotFound, NotPermitted
from clinic.file.filing import asked_in
from clinic.file.folders import Folder, own_document, own_folder
from clinic.file.forwarding import Choice, chosen
from clinic.file.media import Form, Inspection
from clinic.file.uploading import State
from clinic.file.views import readable
from clinic.offers import offer
from clinic.search.index import Indexer
from clinic.search.views import search
from clinic.storage import new_uid
from tests.support import paying
from tests.support.cast import Cast
from tests.support.filing import begun, can_read, checked, copies_taken_back, entries_of, forwarded, group, handout, opened, own_names, sent

PDF = Inspection("application/pdf", Form.PDF, pages=2)


def test_a_file_of_a_thread_with_one_patient_is_in_their_folder_for_them_and_staff_who_share_a_thread(cast: Cast, database: Database) -> None:
    thread = cast.start("boris", "ana")
    sent(database, cast.boris, thread, name="plan.pdf", found=PDF)
    sent(database, cast.ana, thread, "c-2", name="knee.jpg")
    assert own_names(database, cast.ana) == ["knee.jpg", "plan.pdf"]
    folder = opened(database, cast.chen, cast.uid("ana"))
    assert [(one.name, one.added_by, str(one.role), one.title) for one in folder.documents] == [
        ("knee.jpg", "Ana Alvarez", "patient", "Ana Alvarez"), ("plan.pdf", "Boris Brandt", "practitioner", "Ana Alvarez"),
    ]
    assert own_names(database, cast.boris) == [] and own_names(database, cast.ada) == []


@pytest.mark.parametrize("who", ["bella", "eve", "dina"])
def test_a_folder_of_somebody_with_whom_one_shares_no_thread_is_not_there(cast: Cast, database: Database, who: str) -> None:
    sent(database, cast.ana, cast.start("boris", "ana"))
    with pytest.raises((NotFound, NotPermitted)):
        opened(database, getattr(cast, who), cast.uid("ana"))


def test_another_patient_of_the_same_thread_does_not_open_the_folder(cast: Cast, database: Database) -> None:
    thread = group(cast, "ana", "ada")
    file = sent(database, cast.ana, thread)
    with pytest.raises(NotFound):
        opened(database, cast.ada, cast.uid("ana"))
    for action in ("file.put_away", "file.bring_back"):  # she reads it in the thread, and it is not hers
        with pytest.raises(NotFound):
            database.perform(cast.ada, action, file)
    assert can_read(database, cast.ada, file) and own_names(database, cast.ada) == []


def test_files_of_internal_notes_are_in_no_folder(cast: Cast, database: Database) -> None:
    thread = cast.start("boris", "ana")
    file = sent(database, cast.boris, thread, note=True)
    assert own_names(database, cast.ana) == [] and opened(database, cast.boris, cast.uid("ana")).documents == ()
    with pytest.raises(Invalid, match="nobody's Images & Documents"):
        forwarded(database, cast.boris, thread, file)


def test_opening_a_patients_folder_is_audited_and_ones_own_is_not(cast: Cast, database: Database) -> None:
    sent(database, cast.ana, cast.start("boris", "ana"))
    opened(database, cast.boris, cast.uid("ana"), form="image")
    own_names(database, cast.ana)
    with database.reading() as connection:
        found = connection.execute(sa.select(audit_entries.c.subject).where(audit_entries.c.action == "file.open_folder")).scalars().all()
    assert found == [cast.uid("ana")]


def test_opening_one_document_of_a_patient_is_audited_and_ones_own_is_not(cast: Cast, database: Database) -> None:
    document, leaflet = sent(database, cast.ana, cast.start("boris", "ana")), handout(database, cast.boris)
    folder: Folder = database.perform(cast.chen, "file.open_document", document).value
    assert ([one.uid for one in folder.documents], folder.name, folder.own) == ([document], "Ana Alvarez", False)
    for who in (cast.bella, cast.eve):
        with pytest.raises(NotFound):
            database.perform(who, "file.open_document", document)
    for who, own in ((cast.ana, document), (cast.boris, leaflet)):
        with database.read(who) as work:
            assert own_document(work, own).own
    with pytest.raises(NotFound), database.read(cast.chen) as work:
        own_document(work, document)
    with database.reading() as connection:
        found = connection.execute(sa.select(audit_entries.c.subject).where(audit_entries.c.action == "file.open_document")).scalars().all()
    assert found == [document]


def test_a_thread_that_the_reader_is_not_in_is_not_named(cast: Cast, database: Database) -> None:
    first = cast.start("boris", "ana")
    sent(database, cast.ana, first)
    database.perform(cast.bella, "thread.start", person=cast.uid("ana"), reason="Second opinion")
    [document] = opened(database, cast.bella, cast.uid("ana")).documents
    assert (document.name, document.thread, document.title) == ("knee.jpg", "", "")
    assert opened(database, cast.bella, cast.uid("ana")).threads == ()
    assert opened(database, cast.bella, cast.uid("ana"), thread=first).documents == ()
    assert [one.thread for one in opened(database, cast.boris, cast.uid("ana"), thread=first).documents] == [first]


def test_a_folder_is_narrowed_by_form_thread_and_day_and_paged(cast: Cast, database: Database) -> None:
    thread, other = cast.start("boris", "ana"), group(cast, "ana")
    for number in range(61):
        sent(database, cast.ana, thread, f"c-{number}", name=f"{number}.jpg")
    sent(database, cast.boris, other, found=PDF, name="plan.pdf")
    assert own_names(database, cast.ana, form="pdf") == own_names(database, cast.ana, thread=other) == ["plan.pdf"]
    with database.read(cast.ana) as work:
        first = own_folder(work, {})
        rest = own_folder(work, {"before": first.more})
    assert [one.name for one in (*first.documents, *rest.documents)] == ["plan.pdf", *(f"{n}.jpg" for n in reversed(range(61)))]
    assert len(first.documents) == 60 and rest.more == ""
    today = f"{database.now():%Y-%m-%d}"
    assert len(own_names(database, cast.ana, since=today, until=today)) == 60
    assert own_names(database, cast.ana, until="2020-01-01") == own_names(database, cast.ana, since="2100-01-01") == []
    with pytest.raises(Invalid):
        own_names(database, cast.ana, since="tomorrow")


def test_a_list_goes_on_behind_a_forbidden_document_as_behind_one_that_there_is_not(cast: Cast, database: Database) -> None:
    thread = cast.start("boris", "ana")
    sent(database, cast.ana, thread)
    last = sent(database, cast.ana, thread, "c-2", name="last.jpg")
    cast.link("eve", "bella")
    foreign = sent(database, cast.eve, cast.start("bella", "eve"))
    for behind, names in ((last, ["knee.jpg"]), (foreign, []), (new_uid(), [])):
        choice: Choice = database.perform(cast.boris, "file.choose", thread, before=behind).value
        assert own_names(database, cast.ana, before=behind) == [one.name for one in choice.documents] == names
        assert [one.name for one in opened(database, cast.boris, cast.uid("ana"), before=behind).documents] == names


def test_a_document_is_renamed_in_the_folder_only_and_the_audit_log_holds_no_name(cast: Cast, database: Database) -> None:
    thread = cast.start("boris", "ana")
    file = sent(database, cast.ana, thread)
    assert database.perform(cast.boris, "file.rename", file, name="left knee, May").value == "left knee, May.jpg"
    assert own_names(database, cast.ana) == ["left knee, May.jpg"]
    assert entries_of(database, cast.ana, thread)[-1].payload.name == "knee.jpg"
    with database.reading() as connection:
        [detail] = connection.execute(sa.select(audit_entries.c.detail).where(audit_entries.c.action == "file.rename")).scalars()
    assert "knee" not in detail


def test_what_staff_call_a_document_in_a_folder_is_read_by_nobody_to_whom_the_folder_is_closed(cast: Cast, database: Database) -> None:
    both = group(cast, "ana", "ada")
    file, note = sent(database, cast.boris, both, name="plan.pdf", folder=cast.uid("ana")), sent(database, cast.boris, both, "c-2", note=True)
    database.perform(cast.chen, "file.rename", file, name="HIV of Ana Alvarez")
    names = {}
    for who in ("ana", "ada", "boris", "chen"):
        with database.read(getattr(cast, who)) as work:
            names[who] = readable(work, file).name
    assert names == {"ana": "HIV of Ana Alvarez.pdf", "ada": "plan.pdf", "boris": "HIV of Ana Alvarez.pdf", "chen": "HIV of Ana Alvarez.pdf"}
    with database.read(cast.boris) as work:
        assert readable(work, note).name == "knee.jpg"


def test_what_is_sent_on_or_put_elsewhere_is_called_as_it_was_sent_and_not_as_the_folder_calls_it(cast: Cast, database: Database) -> None:
    cast.link("ada", "boris")
    direct, both, other = cast.start("boris", "ana"), group(cast, "ana", "ada"), cast.start("boris", "ada")
    file = sent(database, cast.boris, both, name="plan.pdf", folder=cast.uid("ana"))
    database.perform(cast.chen, "file.rename", file, name="HIV of Ana Alvarez")
    with database.read(cast.boris) as work:
        one, _ = chosen(work, both, file)
    assert (one.name, one.sent_as) == ("HIV of Ana Alvarez.pdf", "plan.pdf")
    forwarded(database, cast.boris, both, file)
    assert entries_of(database, cast.ada, both)[-1].payload.name == "plan.pdf"
    database.perform(cast.boris, "file.put_under", both, file=file, patient=cast.uid("ada"))  # it was hers all along
    assert own_names(database, cast.ada) == ["plan.pdf"]
    wrong = sent(database, cast.boris, direct, "c-2", name="plan.pdf")
    database.perform(cast.chen, "file.rename", wrong, name="HIV of Ana Alvarez")
    database.perform(cast.boris, "text.retract", direct, client_id="c-back")
    with database.read(cast.boris) as work:
        [option] = [one for field in offer(work, "file.refile", other).fields for one in field.options]
    database.perform(cast.boris, "file.refile", other, file=wrong, client_id="c-anew")
    assert option.label == entries_of(database, cast.ada, other)[-1].payload.name == "plan.pdf" and own_names(database, cast.ada) == ["plan.pdf"] * 2


def test_a_handout_is_sent_as_its_owner_calls_it(cast: Cast, database: Database) -> None:
    thread, leaflet = cast.start("boris", "ana"), handout(database, cast.boris)
    database.perform(cast.boris, "file.rename", leaflet, name="for your knee")
    forwarded(database, cast.boris, thread, leaflet)
    assert own_names(database, cast.ana) == ["for your knee.pdf"]


def test_a_patient_writes_nothing_in_names_while_they_are_held_back(cast: Cast, database: Database) -> None:
    thread = cast.start("boris", "ana")
    file = sent(database, cast.ana, thread)
    paying.ask(cast, "boris", thread, paying.service(cast))
    with pytest.raises(Gated):
        database.perform(cast.ana, "file.rename", file, name="please answer me")
    with pytest.raises(Gated):
        forwarded(database, cast.ana, thread, file)


def test_what_is_put_away_is_out_of_the_list_and_comes_back(cast: Cast, database: Database) -> None:
    thread = cast.start("boris", "ana")
    file = sent(database, cast.ana, thread)
    database.perform(cast.boris, "file.put_away", file)
    database.perform(cast.ana, "file.put_away", file)  # it is already, by who was first
    assert own_names(database, cast.ana) == [] and own_names(database, cast.ana, put_away="1") == ["knee.jpg"]
    for who, mine in ((cast.ana, False), (cast.boris, True)):
        [one] = (opened(database, who, cast.uid("ana"), put_away="1")).documents
        assert (one.put_away_by, one.put_away_mine) == ("Boris Brandt", mine) and one.put_away_at is not None
    assert can_read(database, cast.ana, file)
    with pytest.raises(Conflict, match="put away"):
        forwarded(database, cast.ana, thread, file)
    database.perform(cast.ana, "file.bring_back", file)
    assert own_names(database, cast.ana) == ["knee.jpg"]
    database.perform(cast.ana, "file.put_away", file)
    assert not opened(database, cast.chen, cast.uid("ana")).documents
    database.perform(cast.chen, "file.bring_back", file)  # staff bring back what the patient has put away
    [one] = opened(database, cast.boris, cast.uid("ana")).documents
    assert (one.put_away_at, one.put_away_by, one.put_away_mine) == (None, "", False)


# Whose folder


def test_staff_say_whose_folder_a_file_belongs_to_and_are_asked_no_more(cast: Cast, database: Database) -> None:
    both = group(cast, "ana", "ada")
    copy = forwarded(database, cast.boris, both, handout(database, cast.boris))
    done = database.perform(cast.chen, "file.put_under", both, file=copy, patient=cast.uid("ada"))
    assert [entry.kind for entry in done.entries] == ["filed"]
    assert own_names(database, cast.ada) == ["exercises.pdf"] and own_names(database, cast.ana) == []
    assert not entries_of(database, cast.boris, both)[-1].payload.unfiled
    corrected: Done = database.perform(cast.boris, "file.put_under", both, file=copy, patient=cast.uid("ana"))
    assert not corrected.entries and own_names(database, cast.ana) == ["exercises.pdf"] and own_names(database, cast.ada) == []
    database.perform(cast.boris, "file.put_under", both, file=copy, patient="nobody")
    assert own_names(database, cast.ana) == []


def test_a_wrong_choice_that_is_corrected_takes_back_what_was_sent_on_because_of_it(cast: Cast, database: Database) -> None:
    both, direct = group(cast, "ana", "ada"), cast.start("boris", "ana")
    file = sent(database, cast.boris, both, folder=cast.uid("ana"))
    gone, stays = forwarded(database, cast.boris, direct, file), forwarded(database, cast.boris, both, file, "c-2")
    database.perform(cast.boris, "file.put_under", both, file=file, patient=cast.uid("ada"))
    copies_taken_back(database)
    assert not can_read(database, cast.ana, gone) and can_read(database, cast.ana, stays)
    assert entries_of(database, cast.ana, direct)[-1].gone and own_names(database, cast.ada) == ["knee.jpg"]


def test_a_patients_own_file_and_what_is_sent_on_from_a_folder_are_put_nowhere_else(cast: Cast, database: Database) -> None:
    both = group(cast, "ana", "ada")
    hers = sent(database, cast.ana, both)
    for file in (hers, forwarded(database, cast.boris, both, hers), sent(database, cast.boris, both, "c-2", note=True)):
        with pytest.raises(NotFound):
            database.perform(cast.boris, "file.put_under", both, file=file, patient=cast.uid("ada"))
    mine = sent(database, cast.boris, both, "c-3", folder="nobody")
    with pytest.raises(Invalid):
        database.perform(cast.boris, "file.put_under", both, file=mine, patient=cast.uid("eve"))


def test_a_file_never_lands_in_another_patients_folder_when_the_one_whom_staff_chose_has_left(cast: Cast, database: Database) -> None:
    both = group(cast, "ana", "ada")
    uploads = [begun(database, cast.boris, both, f"c-{number}", folder=cast.uid("ana"), name="plan.pdf") for number in range(2)]
    uploads.append(begun(database, cast.boris, both, "c-note", note=True))
    database.perform(cast.boris, "group.remove", both, person=cast.uid("ana"))
    for upload in uploads:
        assert checked(database, upload).value is State.SENT
    assert own_names(database, cast.ada) == own_names(database, cast.ana) == []
    first, second, note = entries_of(database, cast.boris, both)[-3:]
    assert [shown.doable for shown in (first, second, note)] == [{"file.put_under"}, {"file.put_under"}, frozenset()]
    with database.read(cast.chen) as work:
        assert [asked_in(work, upload) for upload in uploads] == [both, both, ""]
        options = {field.name: [one.value for one in field.options] for field in offer(work, "file.put_under", both).fields}
    assert options == {"file": [uploads[1], uploads[0]], "patient": [cast.uid("ada"), "nobody"]}
    database.perform(cast.chen, "file.put_under", both, file=uploads[0], patient=cast.uid("ada"))
    database.perform(cast.chen, "file.put_under", both, file=uploads[1], patient="nobody")
    assert own_names(database, cast.ada) == ["plan.pdf"]
    assert not any(entry.doable for entry in entries_of(database, cast.boris, both))
    with pytest.raises(Invalid, match="with one patient"):
        database.perform(cast.chen, "file.put_under", both, file=uploads[0], patient="nobody")


def test_what_was_announced_with_one_patient_there_is_theirs_whoever_comes_meanwhile(cast: Cast, database: Database) -> None:
    class_ = group(cast, "ana")
    file, spoken = begun(database, cast.boris, class_, name="plan.pdf"), begun(database, cast.boris, class_, "c-voice", purpose="voice")
    database.perform(cast.boris, "thread.invite", class_, people=[cast.uid("ada")], reason="Same exercises.")
    assert begun(database, cast.boris, class_, name="plan.pdf") == file  # an answer that was lost is asked for again
    assert begun(database, cast.boris, class_, "c-voice", purpose="voice") == spoken
    checked(database, file)
    checked(database, spoken, Inspection("audio/webm", Form.AUDIO, duration_ms=4000))
    assert own_names(database, cast.ana) == ["knee.jpg", "plan.pdf"] and own_names(database, cast.ada) == []
    assert not any(entry.doable for entry in entries_of(database, cast.boris, class_))


def test_what_staff_say_is_nobodys_stays_so_and_is_not_asked_about_when_one_patient_is_left(cast: Cast, database: Database) -> None:
    both = group(cast, "ana", "ada")
    file, spoken = begun(database, cast.boris, both, folder="nobody"), begun(database, cast.boris, both, "c-voice", purpose="voice")
    database.perform(cast.boris, "group.remove", both, person=cast.uid("ana"))
    checked(database, file)
    checked(database, spoken, Inspection("audio/webm", Form.AUDIO, duration_ms=4000))
    assert own_names(database, cast.ada) == own_names(database, cast.ana) == []
    assert not any(entry.doable for entry in entries_of(database, cast.boris, both))


def test_what_staff_send_among_themselves_is_the_patients_who_has_come_until_it_was_looked_at(cast: Cast, database: Database) -> None:
    thread = group(cast, "bella")
    file, other = begun(database, cast.boris, thread, name="plan.pdf"), begun(database, cast.boris, thread, "c-2")
    database.perform(cast.boris, "thread.invite", thread, people=[cast.uid("ana")], reason="To explain it.")
    checked(database, file)
    assert own_names(database, cast.ana) == ["plan.pdf"]
    database.perform(cast.boris, "thread.invite", thread, people=[cast.uid("ada")], reason="To explain it.")
    checked(database, other)
    assert own_names(database, cast.ana) == ["plan.pdf"] and entries_of(database, cast.boris, thread)[-1].doable == {"file.put_under"}


def test_a_file_is_found_by_its_name(cast: Cast, database: Database) -> None:
    thread = cast.start("boris", "ana")
    sent(database, cast.ana, thread, name="mri-scan_left.knee.jpg")
    cast.post("ana", thread, "My knee hurts")
    Indexer()(database)
    with database.read(cast.boris) as work:
        assert [one.kind for one in search(work, "scan").hits] == [one.kind for one in search(work, "left", kind="file").hits] == ["file"]
        assert [one.kind for one in search(work, "knee").hits] == ["text", "file"]
