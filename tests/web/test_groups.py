"""Pages of groups and of a thread's people: choosing, naming, inviting, share links, closing; without scripts."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask

from clinic import Database
from tests.support.cast import Cast
from tests.support.groups import bodies, do, group, listed, names
from tests.web.browser import Browser

SignIn = Callable[[str], Browser]


@pytest.fixture
def thread(cast: Cast) -> str:
    return group(cast, "ana", "ada", "bella")


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_a_practitioner_chooses_people_step_by_step_and_loses_nothing_typed(sign_in: SignIn, cast: Cast) -> None:
    boris = sign_in("boris")
    assert "New group with several people" in boris.get("/threads/new").text
    page = boris.submit("/threads/group", title="Knees & hips", q="", do=f"add:{cast.uid('ana')}").text
    assert 'value="Knees &amp; hips"' in page
    assert page.count('name="people"') == 1
    page = boris.submit("/threads/group", title="Knees & hips", people=[cast.uid("ana")], q="almeida", do="find").text
    assert f'value="add:{cast.uid("ada")}"' in page
    chosen = [cast.uid("ana"), cast.uid("ada")]
    page = boris.submit("/threads/group", title="Knees & hips", people=chosen, do="find").text
    assert "Ada Almeida: not linked to you" in words(page)
    refused = boris.submit("/threads/group", title="Knees & hips", people=chosen, do="go")
    assert refused.status_code == 422
    assert "Not created yet" in refused.text
    assert refused.text.count('name="people"') == 2
    page = boris.submit("/threads/group", title="x", people=chosen, do=f"drop:{cast.uid('ada')}").text
    assert page.count('name="people"') == 1
    made = boris.submit("/threads/group", title="Knees & hips", people=chosen, reason="Same class", do="go")
    assert made.status_code == 303
    assert "Knees &amp; hips" in boris.get(made.location).text


def test_nobody_but_practitioners_has_the_page_of_a_new_group(sign_in: SignIn) -> None:
    for name in ("ana", "chen", "dina"):
        assert sign_in(name).get("/threads/group").status_code == 404
    assert "New group" not in sign_in("chen").get("/threads/new").text


def test_the_page_of_people_offers_each_what_they_may(sign_in: SignIn, thread: str) -> None:
    path = f"/threads/{thread}/people"
    sign_in("ada").get(f"/threads/{thread}")  # an invitation that was opened can't be taken back
    admin, other, coordinator, patient = (sign_in(name).get(path).text for name in ("boris", "bella", "chen", "ana"))
    for page, offered in ((admin, True), (other, False), (coordinator, False), (patient, False)):
        assert ("group.remove" in page) == offered
        assert ("Share links" in page) == offered
        assert ("group.close" in page) == offered
    for page, offered in ((admin, True), (other, True), (coordinator, True), (patient, False)):
        assert ("thread.rename" in page) == offered
        assert ("Invite people" in page) == offered
    assert "born 2 November 1991" in admin
    assert "November 1991" not in patient
    assert patient.count("Group admin") == 1


def test_patients_find_no_address_of_anybody_on_their_pages_and_uids_of_practitioners_alone(sign_in: SignIn, cast: Cast, thread: str) -> None:
    cast.post("ada", thread, "Hello")
    cast.post("boris", thread, "Good day")
    ana = sign_in("ana")
    parts = ("", "/people", "/head", "/entries")
    seen = "".join(ana.get(path).text for path in ("/", *(f"/threads/{thread}{part}" for part in parts)))
    for name in ("ada", "boris", "bella", "chen"):
        assert cast.handle(name) not in seen
    assert cast.uid("ada") not in seen and cast.uid("chen") not in seen
    assert f"/practitioners/{cast.uid('boris')}" in seen


def test_a_name_too_long_is_kept_and_said(sign_in: SignIn, cast: Cast, thread: str) -> None:
    long = "x" * 201
    answer = sign_in("bella").submit(f"/actions/thread.rename/{thread}", title=long, next="/")
    assert answer.status_code == 413
    assert f'value="{long}"' in answer.text


def test_inviting_from_the_page(sign_in: SignIn, cast: Cast, thread: str) -> None:
    chen = sign_in("chen")
    page = chen.submit(f"/threads/{thread}/people", q="evans", do="find").text
    assert f'value="add:{cast.uid("eve")}"' in page
    assert f'value="add:{cast.uid("ana")}"' not in chen.submit(f"/threads/{thread}/people", q="ana", do="find").text
    assert chen.submit(f"/threads/{thread}/people", people=[cast.uid("eve")], do="go").status_code == 422
    assert chen.submit(f"/threads/{thread}/people", people=[cast.uid("eve")], reason="Joins", do="go").status_code == 303
    assert "eve" in names(cast, "ana", thread)
    assert "Take the invitation back" in chen.get(f"/threads/{thread}/people").text
    sign_in("eve").get(f"/threads/{thread}")
    assert "Take the invitation back" not in chen.get(f"/threads/{thread}/people").text
    refused = sign_in("ana").submit(f"/threads/{thread}/people", people=[cast.uid("boris")], do="go")
    assert refused.status_code == 403


def test_a_share_link_is_shown_once_and_leads_through_the_log_in_to_asking(sign_in: SignIn, app: Flask, cast: Cast, thread: str) -> None:
    boris = sign_in("boris")
    shown = boris.submit(f"/threads/{thread}/share", days="7").text
    [link] = re.findall(r'value="http://[^"]*(/join/[\w-]+)"', shown)
    assert link not in boris.get(f"/threads/{thread}/people").text
    stranger = Browser(app).get(link)
    assert stranger.status_code == 303
    assert stranger.location.endswith(f"/login?next={link}")
    eve = sign_in("eve")
    page = eve.get(link).text
    assert "Boris Brandt manages this group" in page
    assert "Knee class" not in page
    assert "You have asked" in eve.submit("/actions/group.ask", follow=True, token=link.removeprefix("/join/"), next=link).text
    assert "1 waiting to be let in" in boris.get(f"/threads/{thread}").text
    assert "waiting to be let in" not in sign_in("bella").get(f"/threads/{thread}").text
    boris.submit(f"/actions/group.admit/{thread}", person=cast.uid("eve"), next="/")
    assert eve.get(link).location.endswith(f"/threads/{thread}")
    assert len(bodies(cast, "eve", thread)) == 1


def test_links_that_are_none_answer_alike(sign_in: SignIn, cast: Cast, thread: str) -> None:
    boris, eve = sign_in("boris"), sign_in("eve")
    [link] = re.findall(r'value="http://[^"]*(/join/[\w-]+)"', boris.submit(f"/threads/{thread}/share", days="1").text)
    [uid] = re.findall(r'name="link" value="(\w+)"', boris.get(f"/threads/{thread}/people").text)
    boris.submit(f"/actions/group.unshare/{thread}", link=uid, next="/")
    revoked, nonsense = eve.get(link), eve.get("/join/nonsense")
    assert revoked.status_code == nonsense.status_code == 410
    assert words(revoked.text) == words(nonsense.text)
    assert sign_in("dina").get(link).status_code == 404


def test_who_was_in_a_closed_group_reads_whom_to_contact_until_they_have_read_it(sign_in: SignIn, cast: Cast, thread: str) -> None:
    ana = sign_in("ana")
    assert "Knee class" in ana.get("/").text
    sign_in("boris").submit(f"/actions/group.close/{thread}", next="/")
    assert ana.get(f"/threads/{thread}").status_code == 404
    page = ana.get("/").text
    assert "Boris Brandt closed the group Knee class for everyone" in words(page)
    assert "Knee class" not in ana.get("/threads/list").text
    ana.submit("/actions/group.forget_closed", group=thread, next="/")
    assert "Knee class" not in ana.get("/").text
    assert "closed the group" not in sign_in("eve").get("/").text


def test_leaving_from_the_page_and_the_admin_choosing_first(sign_in: SignIn, cast: Cast, thread: str) -> None:
    ana, boris = sign_in("ana"), sign_in("boris")
    assert "is gone from your list" in ana.submit(f"/actions/thread.leave/{thread}", follow=True, next="/").text
    assert thread not in listed(cast, "ana")
    refused = boris.submit(f"/actions/thread.leave/{thread}", follow=True, next=f"/threads/{thread}/people")
    assert "Choose first what becomes of the group" in refused.text
    boris.submit(f"/actions/thread.leave/{thread}", then=cast.uid("bella"), next="/")
    assert names(cast, "bella", thread) == {"bella", "ada"}


def test_removed_people_have_no_page_no_fragment_and_no_marks(sign_in: SignIn, cast: Cast, thread: str, database: Database) -> None:
    ada = sign_in("ada")
    ada.get(f"/threads/{thread}")
    do(cast, "boris", "group.remove", thread, person="ada")
    for part in ("", "/entries", "/head", "/marks", "/people"):
        assert ada.get(f"/threads/{thread}{part}").status_code == 404, part
    assert ada.send(f"/actions/text.post/{thread}", body="x", client_id="1").status_code == 404


def test_an_administrator_switches_whether_coordinators_come_into_groups(sign_in: SignIn, cast: Cast) -> None:
    dina = sign_in("dina")
    assert "included in groups with patients too" in dina.get("/admin/clinic").text
    page = dina.submit("/actions/clinic.include_coordinators", follow=True, in_groups="0", next="/admin/clinic").text
    assert "only when somebody invites them" in page
    assert "chen" not in names(cast, "boris", group(cast, "ana"))
    assert sign_in("boris").submit("/actions/clinic.include_coordinators", in_groups="1", next="/").status_code == 303
    assert "only when somebody invites them" in dina.get("/admin/clinic").text
