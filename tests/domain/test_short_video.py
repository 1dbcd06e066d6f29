"""Short videos: asked for, sent past every gate, seen by whom it is for, refused in words where they cannot be. Source: product.md, Files."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
import sqlalchemy as sa

from clinic import Actor, Database, Door, errors
from clinic.file.folders import targets
from clinic.file.forwarding import Choice
from clinic.file.media import Form, Inspection
from clinic.file.tables import files
from clinic.file.uploading import State as Upload
from clinic.file.uploading import upload_state
from clinic.short_video.kinds import VideoPayload, VideoRequest
from clinic.short_video.views import video_asked, video_waiting
from clinic.thread.archive import archive
from clinic.thread.views import EntryView, thread_list, thread_page
from tests.support import paying
from tests.support.cast import Cast
from tests.support.filing import JPEG, can_read, checked, forwarded

PATIENTS, STAFF = ("ana", "ada"), ("boris", "bella", "chen")


def video(seconds: float = 30) -> Inspection:
    return Inspection("video/webm", Form.VIDEO, 640, 480, round(seconds * 1000), thumb_type="image/webp")


@pytest.fixture
def thread(cast: Cast) -> str:
    return cast.start("boris", "ana")


@pytest.fixture
def group(cast: Cast) -> str:
    people = [cast.uid(name) for name in ("ana", "ada", "bella")]
    return str(cast.database.perform(cast.boris, "group.create", title="Knee class", people=people, reason="Same exercises.").value)


def ask(cast: Cast, thread: str, by: str = "boris", **more: str) -> str:
    return str(cast.database.perform(getattr(cast, by), "video.request", thread, client_id=uuid.uuid4().hex, **more).value)


def begun(cast: Cast, thread: str, request: str, by: str = "ana", **more: Any) -> str:
    values = {"name": "video.webm", "size_bytes": 5000, "client_id": uuid.uuid4().hex} | more
    return str(cast.database.perform(getattr(cast, by), "video.begin", thread, request=request, **values).value)


def sent(cast: Cast, thread: str, request: str, by: str = "ana", **more: Any) -> str:
    upload = begun(cast, thread, request, by, **more)
    assert checked(cast.database, upload, video()).value is Upload.SENT
    return upload


def said(cast: Cast, who: str, thread: str) -> list[EntryView]:
    with cast.database.read(getattr(cast, who)) as work:
        return list(thread_page(work, thread).entries)


def card(cast: Cast, who: str, thread: str) -> EntryView:
    return [entry for entry in said(cast, who, thread) if isinstance(entry.payload, VideoRequest)][-1]


def videos(cast: Cast, who: str, thread: str) -> list[EntryView]:
    return [entry for entry in said(cast, who, thread) if isinstance(entry.payload, VideoPayload)]


def words_of(cast: Cast, upload: str, by: str = "ana") -> str:
    with cast.database.read(getattr(cast, by)) as work:
        return upload_state(work, upload).words


def waiting(cast: Cast, who: str = "ana") -> list[str]:
    with cast.database.read(getattr(cast, who)) as work:
        return [one.request for one in video_waiting(work)]


def folder_of(database: Database, file: str) -> int | None:
    with database.reading() as connection:
        folder: int | None = connection.execute(sa.select(files.c.folder_id).where(files.c.uid == file)).scalar_one()
        return folder


def test_a_patient_is_asked_sends_it_and_everybody_in_the_thread_plays_it(cast: Cast, thread: str) -> None:
    request = ask(cast, thread, text="Walk towards the camera")
    asked = card(cast, "ana", thread)
    assert asked.body.startswith("Boris Brandt asks you for a short video: Walk towards the camera. It takes at most 45 seconds.")
    assert asked.doable == {"video.begin"} and card(cast, "chen", thread).doable == {"video.withdraw"}
    assert waiting(cast) == [request]
    file = sent(cast, thread, request)
    assert [can_read(cast.database, getattr(cast, name), file) for name in ("ana", "boris", "chen", "eve", "bella")] == [True, True, True, False, False]
    assert card(cast, "boris", thread).payload.state == "done" and not card(cast, "ana", thread).doable and not waiting(cast)
    [shown] = videos(cast, "boris", thread)
    assert shown.body == "Short video (0:30)" and shown.payload.request == request and shown.author.name == "Ana Alvarez"
    assert folder_of(cast.database, file) is not None


def test_no_payment_request_holds_it_back(cast: Cast, thread: str) -> None:
    request = ask(cast, thread)
    paying.ask(cast, "boris", thread, paying.service(cast))
    with pytest.raises(errors.Gated):
        cast.post("ana", thread, "held")
    sent(cast, thread, request)
    with pytest.raises(errors.Gated):
        cast.post("ana", thread, "held still")


def test_a_slot_for_it_is_not_held_back_either_and_is_once_it_was_sent(cast: Cast, thread: str) -> None:
    request = ask(cast, thread)
    paying.ask(cast, "boris", thread, paying.service(cast))
    slot = {"name": "v.mp4", "size_bytes": 10, "client_id": "c-slot"}
    cast.database.perform(cast.ana, "file.slot", **slot)
    sent(cast, thread, request)
    with pytest.raises(errors.Gated):
        cast.database.perform(cast.ana, "file.slot", **slot | {"client_id": "c-other"})


def from_app(cast: Cast, who: str, thread: str, found: Inspection) -> str:
    """Upload through a slot and name it in a message, as apps do. Returns: the upload's uid."""
    actor = Actor(Door.XMPP, account=cast.uid(who))
    upload = str(cast.database.perform(actor, "file.slot", name="v.mp4", size_bytes=1000, client_id=uuid.uuid4().hex).value)
    checked(cast.database, upload, found)
    cast.database.perform(actor, "file.send", thread, file=upload, client_id=uuid.uuid4().hex)
    return upload


def test_a_video_from_an_app_answers_the_open_request_past_the_gate_and_no_other_file_does(cast: Cast, thread: str) -> None:
    request = ask(cast, thread)
    from_app(cast, "ana", thread, JPEG)
    assert waiting(cast) == [request]
    paying.ask(cast, "boris", thread, paying.service(cast))
    with pytest.raises(errors.Gated):
        from_app(cast, "ana", thread, JPEG)
    from_app(cast, "ana", thread, video())
    assert not waiting(cast) and len(videos(cast, "boris", thread)) == 1
    with pytest.raises(errors.Gated):
        from_app(cast, "ana", thread, video())  # nobody asks for it any more: it is a file like any other


def test_a_video_of_46_seconds_is_refused_in_words_and_the_request_stays_open(cast: Cast, thread: str) -> None:
    request = ask(cast, thread)
    for seconds, state in ((45.6, Upload.REFUSED), (46, Upload.REFUSED), (45.4, Upload.SENT)):
        upload = begun(cast, thread, request)
        assert checked(cast.database, upload, video(seconds)).value is state
        if state is Upload.REFUSED:
            assert words_of(cast, upload) == "This video is 46 seconds long; 45 is the most. Record it again a little shorter."
            assert waiting(cast) == [request] and not videos(cast, "boris", thread)
    assert not waiting(cast)


@pytest.mark.parametrize("found", [JPEG, Inspection("video/webm", Form.VIDEO), Inspection("audio/webm", Form.AUDIO, duration_ms=1000)])
def test_what_is_no_video_or_cannot_be_measured_is_refused_and_never_posted_as_a_file(cast: Cast, thread: str, found: Inspection) -> None:
    upload = begun(cast, thread, ask(cast, thread))
    assert checked(cast.database, upload, found).value is Upload.REFUSED
    assert "no video" in words_of(cast, upload) and len(waiting(cast)) == 1
    assert not [entry for entry in said(cast, "boris", thread) if entry.kind in ("file", "voice", "video")]


def test_it_is_withdrawn_by_any_staff_of_the_thread_or_an_administrator_and_what_comes_late_says_so(cast: Cast, thread: str) -> None:
    for who, name in (("chen", "Chen Cheng"), ("dina", "Dina Dunn")):
        request = ask(cast, thread)
        upload = begun(cast, thread, request)
        cast.database.perform(getattr(cast, who), "video.withdraw", thread, request=request)
        assert card(cast, "ana", thread).payload.state == "withdrawn" and not waiting(cast)
        assert said(cast, "ana", thread)[-1].body == f"{name} withdrew the request for a short video. Nothing needs to be sent."
        with pytest.raises(errors.Conflict, match="withdrawn"):
            begun(cast, thread, request)
        assert checked(cast.database, upload, video()).value is Upload.REFUSED and "withdrawn" in words_of(cast, upload)
        with pytest.raises(errors.Conflict, match="withdrawn already"):
            cast.database.perform(cast.boris, "video.withdraw", thread, request=request)
    assert not videos(cast, "boris", thread)


def test_a_second_video_for_one_request_is_refused_in_words(cast: Cast, thread: str) -> None:
    request = ask(cast, thread)
    first, second = begun(cast, thread, request), begun(cast, thread, request)
    assert checked(cast.database, second, video()).value is Upload.SENT
    assert checked(cast.database, first, video()).value is Upload.REFUSED and "answered this request already" in words_of(cast, first)
    assert len(videos(cast, "ana", thread)) == 1


@pytest.mark.parametrize("who", ["boris", "ana"])
def test_it_withdraws_by_itself_when_the_account_of_who_asked_or_was_asked_is_closed(cast: Cast, thread: str, who: str) -> None:
    ask(cast, thread)
    cast.database.perform(cast.dina, "account.deactivate", cast.uid(who))
    other = "ana" if who == "boris" else "chen"
    assert card(cast, other, thread).payload.state == "withdrawn"
    assert [entry.body for entry in said(cast, other, thread) if entry.kind == "video-withdrawn"] == [
        "The request for a short video was withdrawn. The account of who asked, or was asked, is closed. Nothing needs to be sent."
    ]


def test_it_withdraws_when_who_was_asked_is_removed_and_when_the_group_is_closed(cast: Cast, group: str) -> None:
    ask(cast, group, patient=cast.uid("ana"))
    cast.database.perform(cast.boris, "group.remove", group, person=cast.uid("ana"))
    assert card(cast, "boris", group).payload.state == "withdrawn" and not waiting(cast)
    ask(cast, group, patient=cast.uid("ada"))
    cast.database.perform(cast.boris, "group.close", group)
    assert not waiting(cast, "ada")


def test_whom_is_asked_where_there_are_several_and_one_at_a_time(cast: Cast, group: str) -> None:
    with pytest.raises(errors.Invalid, match="Several patients"):
        ask(cast, group)
    ask(cast, group, patient=cast.uid("ana"))
    with pytest.raises(errors.Conflict, match="has not sent it yet"):
        ask(cast, group, by="bella", patient=cast.uid("ana"))
    ask(cast, group, by="bella", patient=cast.uid("ada"))


def test_in_a_group_no_other_patient_learns_of_the_request_or_the_video(cast: Cast, group: str) -> None:
    def everything(who: str) -> str:
        with cast.database.read(getattr(cast, who)) as work:
            return repr([thread_page(work, group), archive(work, group), thread_list(work)])

    before = everything("ada")
    request = ask(cast, group, patient=cast.uid("ana"), text="zebrafish")
    file = sent(cast, group, request, name="zebrafish.webm")
    assert everything("ada") == before and "zebrafish" in everything("ana") and "zebrafish" in everything("bella")
    assert {name: can_read(cast.database, getattr(cast, name), file) for name in (*PATIENTS, *STAFF)} == {
        "ana": True, "ada": False, "boris": True, "bella": True, "chen": True
    }
    with pytest.raises(errors.NotFound), cast.database.read(cast.ada) as work:
        video_asked(work, request)
    with pytest.raises(errors.NotFound):
        begun(cast, group, request, by="ada")


def test_the_patient_alone_lets_everybody_see_it_when_sending(cast: Cast, group: str) -> None:
    request = ask(cast, group, patient=cast.uid("ana"), text="zebrafish")
    other = begun(cast, group, request, show=True)  # given up: what was said of it counts for no other one
    cast.database.perform(cast.ana, "file.cancel", other)
    private = sent(cast, group, request)
    assert not can_read(cast.database, cast.ada, private)
    request = ask(cast, group, patient=cast.uid("ana"), text="zebrafish")
    public = sent(cast, group, request, show=True)
    assert can_read(cast.database, cast.ada, public) and folder_of(cast.database, public) == folder_of(cast.database, private)
    [seen] = videos(cast, "ada", group)
    assert not seen.payload.request and "zebrafish" not in repr(said(cast, "ada", group))


def test_they_let_everybody_see_it_later_and_take_it_back_with_all_that_was_shown(cast: Cast, group: str) -> None:
    file = sent(cast, group, ask(cast, group, patient=cast.uid("ana")))
    [own] = videos(cast, "ana", group)
    assert own.doable == {"video.show"} and not videos(cast, "boris", group)[0].doable
    for who in ("ada", "boris"):
        with pytest.raises(errors.DomainError):
            cast.database.perform(getattr(cast, who), "video.show", group, client_id="c-not-mine")
    shown = cast.database.perform(cast.ana, "video.show", group, client_id="c-show").value
    assert cast.database.perform(cast.ana, "video.show", group, client_id="c-show").value == shown  # a resend
    [seen] = videos(cast, "ada", group)
    assert seen.uid == shown and seen.payload.file != file and can_read(cast.database, cast.ada, seen.payload.file)
    assert not can_read(cast.database, cast.ada, file) and folder_of(cast.database, seen.payload.file) is None
    assert not videos(cast, "ana", group)[0].doable
    with pytest.raises(errors.Conflict):
        cast.database.perform(cast.ana, "video.show", group, client_id="c-again")
    cast.database.perform(cast.ana, "text.retract", group, entry=own.uid, client_id="c-back")
    for who in (*PATIENTS, *STAFF):
        assert not videos(cast, who, group)
        assert not can_read(cast.database, getattr(cast, who), file) and not can_read(cast.database, getattr(cast, who), seen.payload.file)


@pytest.mark.parametrize("last", [True, False])
def test_who_announces_it_once_more_says_anew_whether_everybody_sees_it(cast: Cast, group: str, last: bool) -> None:
    request = ask(cast, group, patient=cast.uid("ana"))
    first = begun(cast, group, request, client_id="c-video", show=not last)
    assert begun(cast, group, request, client_id="c-video", show=last) == first
    assert checked(cast.database, first, video()).value is Upload.SENT
    assert can_read(cast.database, cast.ada, first) is bool(videos(cast, "ada", group)) is last


def test_what_staff_call_a_video_in_its_patients_folder_is_not_what_everybody_reads(cast: Cast, group: str) -> None:
    file = sent(cast, group, ask(cast, group, patient=cast.uid("ana")))
    [private] = videos(cast, "ana", group)
    cast.database.perform(cast.boris, "file.rename", file, name="Ana Alvarez, tremor")
    cast.database.perform(cast.ana, "video.show", group, client_id="c-show")
    [shown] = videos(cast, "ada", group)
    assert shown.payload.name == private.payload.name


def test_taking_back_only_what_was_shown_leaves_it_with_its_patient_and_staff(cast: Cast, group: str) -> None:
    file = sent(cast, group, ask(cast, group, patient=cast.uid("ana")))
    shown = cast.database.perform(cast.ana, "video.show", group, client_id="c-show").value
    cast.database.perform(cast.ana, "text.retract", group, entry=shown, client_id="c-back")
    assert not videos(cast, "ada", group) and can_read(cast.database, cast.boris, file)
    [own] = videos(cast, "ana", group)
    assert own.doable == {"video.show"} and not own.payload.shown
    assert cast.database.perform(cast.ana, "video.show", group, client_id="c-show-again").value != shown
    assert not videos(cast, "ana", group)[0].doable


def test_staff_do_not_send_a_private_video_on_to_where_other_patients_are(cast: Cast, thread: str, group: str) -> None:
    file = sent(cast, group, ask(cast, group, patient=cast.uid("ana")))
    for who in STAFF:
        found: Choice = cast.database.perform(getattr(cast, who), "file.choose", group).value
        assert not found.documents
        with pytest.raises(errors.Invalid, match="Only Ana Alvarez may show it"):
            forwarded(cast.database, getattr(cast, who), group, file)
    with cast.database.read(cast.boris) as work:
        assert [one.uid for one in targets(work, file)[1]] == [thread]
    assert can_read(cast.database, cast.ana, forwarded(cast.database, cast.boris, thread, file))
    own: Choice = cast.database.perform(cast.ana, "file.choose", group).value
    assert [one.uid for one in own.documents] == [file]
    with cast.database.read(cast.ana) as work:
        assert {one.uid for one in targets(work, file)[1]} == {thread, group}
    assert can_read(cast.database, cast.ada, forwarded(cast.database, cast.ana, group, file, "c-own"))


def test_a_private_video_that_was_taken_back_is_not_sent_anew_to_everybody(cast: Cast, thread: str, group: str) -> None:
    private = sent(cast, group, ask(cast, group, patient=cast.uid("ana")))
    [entry] = videos(cast, "ana", group)
    cast.database.perform(cast.ana, "text.retract", group, entry=entry.uid, client_id="c-back")
    found: Choice = cast.database.perform(cast.ana, "file.choose", group).value
    assert not found.taken_back
    for where in (group, thread):
        with pytest.raises(errors.Invalid, match="only you and the clinic's staff saw"):
            cast.database.perform(cast.ana, "file.refile", where, file=private, client_id=f"c-anew-{where}")
    assert not videos(cast, "ada", group) and not [entry for entry in said(cast, "ada", group) if entry.kind == "file"]


def take_back(cast: Cast, thread: str, entry: str) -> None:
    cast.database.perform(cast.ana, "text.retract", thread, entry=entry, client_id=uuid.uuid4().hex)


def test_who_takes_their_video_back_is_asked_again_and_sends_a_better_one(cast: Cast, thread: str) -> None:
    request = ask(cast, thread)
    sent(cast, thread, request)
    take_back(cast, thread, videos(cast, "ana", thread)[0].uid)
    assert waiting(cast) == [request] and card(cast, "ana", thread).doable == {"video.begin"} and card(cast, "chen", thread).doable == {"video.withdraw"}
    assert card(cast, "boris", thread).body.endswith("It takes at most 45 seconds.")
    [told] = [one for one in said(cast, "ana", thread) if one.kind == "video-reopened"]
    assert told.body == "You took your short video back. You can send another one. Or send a video in this thread from your app."
    [told] = [one for one in said(cast, "boris", thread) if one.kind == "video-reopened"]
    assert told.body == "Ana Alvarez took the short video back. The request for it is open again."
    better = sent(cast, thread, request)
    assert not waiting(cast) and card(cast, "boris", thread).payload.state == "done" and can_read(cast.database, cast.boris, better)
    with pytest.raises(errors.Conflict, match="answered this request already"):
        begun(cast, thread, request)


def test_a_request_that_is_open_again_is_withdrawn_like_any_other(cast: Cast, thread: str) -> None:
    request = ask(cast, thread)
    sent(cast, thread, request)
    take_back(cast, thread, videos(cast, "ana", thread)[0].uid)
    cast.database.perform(cast.boris, "video.withdraw", thread, request=request)
    assert not waiting(cast) and card(cast, "ana", thread).payload.state == "withdrawn"


def test_a_later_request_or_nobody_who_asks_leaves_the_earlier_one_closed(cast: Cast, thread: str) -> None:
    first = ask(cast, thread)
    sent(cast, thread, first)
    second = ask(cast, thread)
    [video_of_first] = videos(cast, "ana", thread)
    take_back(cast, thread, video_of_first.uid)
    assert waiting(cast) == [second]
    assert [one.payload.state for one in said(cast, "ana", thread) if isinstance(one.payload, VideoRequest)] == ["taken-back", "open"]
    assert said(cast, "ana", thread)[-1].body == "You took your short video back. Nothing more needs to be sent for this request."
    with pytest.raises(errors.Conflict, match="Nobody waits"):
        begun(cast, thread, first)
    sent(cast, thread, second)
    cast.database.perform(cast.dina, "account.deactivate", cast.uid("boris"))
    take_back(cast, thread, videos(cast, "ana", thread)[-1].uid)
    assert not waiting(cast) and card(cast, "chen", thread).payload.state == "taken-back"


@pytest.mark.parametrize("show", [True, False])
def test_in_a_group_taking_back_what_answered_asks_again_and_what_it_was_shown_as_does_not(cast: Cast, group: str, show: bool) -> None:
    request = ask(cast, group, patient=cast.uid("ana"))
    sent(cast, group, request, show=show)
    if not show:
        shown = str(cast.database.perform(cast.ana, "video.show", group, client_id="c-show").value)
        take_back(cast, group, shown)
        assert not waiting(cast) and card(cast, "boris", group).payload.state == "done"
        cast.database.perform(cast.ana, "video.show", group, client_id="c-show-again")
    take_back(cast, group, videos(cast, "ana", group)[0].uid)
    assert waiting(cast) == [request] and not videos(cast, "ada", group)
    assert not [one for one in said(cast, "ada", group) if one.kind in ("video-request", "video-reopened")]
    again = sent(cast, group, request)  # what was agreed for the first one counts for no other
    assert not can_read(cast.database, cast.ada, again) and can_read(cast.database, cast.boris, again)


def test_a_video_that_the_group_admin_removes_is_asked_for_again(cast: Cast, group: str) -> None:
    request = ask(cast, group, patient=cast.uid("ana"))
    sent(cast, group, request)
    cast.database.perform(cast.boris, "text.moderate", group, entry=videos(cast, "ana", group)[0].uid, client_id="c-removed")
    assert waiting(cast) == [request]
    [told] = [one for one in said(cast, "ana", group) if one.kind == "video-reopened"]
    assert told.body.startswith("Boris Brandt removed your short video. You can send another one.")


def test_the_group_admin_who_removes_it_removes_what_was_shown(cast: Cast, group: str) -> None:
    sent(cast, group, ask(cast, group, patient=cast.uid("ana")))
    [own] = videos(cast, "ana", group)
    cast.database.perform(cast.ana, "video.show", group, client_id="c-show")
    cast.database.perform(cast.boris, "text.moderate", group, entry=own.uid, client_id="c-removed")
    assert not videos(cast, "ada", group) and "removed by Boris" in said(cast, "ada", group)[-1].body


def test_coordinators_ask_only_where_the_clinic_has_switched_it_on(cast: Cast, thread: str) -> None:
    with pytest.raises(errors.NotPermitted, match="switched off for coordinators"):
        ask(cast, thread, by="chen")
    cast.database.perform(cast.dina, "clinic.permit_coordinators", what="video.request", may=True)
    ask(cast, thread, by="chen")
    with pytest.raises(errors.NotPermitted):
        ask(cast, thread, by="ana")


def test_a_resent_request_is_the_same_one(cast: Cast, thread: str) -> None:
    for _ in range(2):
        cast.database.perform(cast.boris, "video.request", thread, text="Walk", client_id="c-1")
    assert len([entry for entry in said(cast, "ana", thread) if entry.kind == "video-request"]) == 1
