"""Saved replies on pages without a script: keep, find, choose, complete, send; and from a message of one's own."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

import pytest

from tests.support.cast import Cast
from tests.web.browser import Browser

SignIn = Callable[[str], Browser]


@pytest.fixture
def thread(cast: Cast) -> str:
    return cast.start("boris", "ana")


def composer(page: str) -> tuple[str, dict[str, str], str]:
    """Return where the composer's form goes, its hidden fields, its text."""
    form = page.partition('<div class="compose">')[2].partition("</form>")[0]
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))
    text = html.unescape(form.partition("<textarea")[2].partition(">")[2].partition("</textarea>")[0])
    return re.findall(r'<form[^>]* action="([^"]+)"', form)[0], hidden, text


def test_the_empty_page_offers_the_examples_and_they_can_be_changed_and_deleted(sign_in: SignIn) -> None:
    boris = sign_in("boris")
    page = boris.get("/saved-replies").text
    assert "You have saved no reply yet" in page and "Hi [PATIENT NAME], please share" in page
    boris.submit("/actions/saved_reply.add_examples", next="/saved-replies")
    page = boris.get("/saved-replies").text
    assert "The examples are added." in page and "no reply yet" not in page
    uid = re.findall(r"saved_reply.describe/(\w+)", page)[0]
    again = boris.submit(f"/actions/saved_reply.describe/{uid}", title="A long one", body=" ", next="/saved-replies")
    assert again.status_code == 422 and 'value="A long one"' in again.text and "Text is empty." in again.text
    boris.submit(f"/actions/saved_reply.delete/{uid}", next="/saved-replies")
    assert uid not in boris.get("/saved-replies").text


def test_what_was_typed_for_a_new_reply_is_never_lost(sign_in: SignIn) -> None:
    again = sign_in("boris").submit("/actions/saved_reply.create", title="x" * 300, body="A text that took long", next="/saved-replies")
    assert again.status_code == 413 and "A text that took long" in again.text


def test_a_reply_is_chosen_completed_and_sent_without_a_script(sign_in: SignIn, cast: Cast, thread: str) -> None:
    boris = sign_in("boris")
    boris.submit("/actions/saved_reply.create", title="Case", body="Hi [PATIENT NAME], case [CASE NUMBER]", next="/saved-replies")
    assert "/replies" in boris.get(f"/threads/{thread}").text
    page = boris.get(f"/threads/{thread}/replies").text
    assert "Hi Ana Alvarez, case [CASE NUMBER]" in page and "To complete: [CASE NUMBER]" in page
    assert "No saved reply holds these words." in boris.get(f"/threads/{thread}/replies?q=nothing").text
    where = re.findall(rf'href="(/threads/{thread}\?saved=\w+)"', page)[0]
    action, hidden, text = composer(boris.get(where).text)
    assert text == "Hi Ana Alvarez, case [CASE NUMBER]" and action == f"/actions/saved_reply.post/{thread}"
    sent = {key: value for key, value in hidden.items() if key != "csrf_token"}
    again = boris.submit(action, **sent, body=f"{text}, soon")
    assert again.status_code == 422 and "Not sent: complete [CASE NUMBER] first" in again.text
    action_again, hidden_again, text_again = composer(again.text)
    assert (action_again, text_again, hidden_again["reply"]) == (action, f"{text}, soon", hidden["reply"])
    assert boris.submit(action, **sent, body="Hi Ana Alvarez, case 7").status_code == 303
    assert "Hi Ana Alvarez, case 7" in sign_in("ana").get(f"/threads/{thread}").text
    assert composer(boris.get(f"/threads/{thread}").text)[0] == f"/actions/text.post/{thread}"


def test_a_reply_that_was_deleted_meanwhile_takes_no_text_with_it(sign_in: SignIn, cast: Cast, thread: str) -> None:
    boris = sign_in("boris")
    boris.submit("/actions/saved_reply.create", body="Soon", next="/saved-replies")
    uid = re.findall(r"saved_reply.delete/(\w+)", boris.get("/saved-replies").text)[0]
    boris.submit(f"/actions/saved_reply.delete/{uid}", next="/saved-replies")
    again = boris.submit(f"/actions/saved_reply.post/{thread}", reply=uid, body="What I typed", client_id="c", next=f"/threads/{thread}")
    assert again.status_code == 422
    action, _hidden, text = composer(again.text)
    assert text == "What I typed" and action == f"/actions/text.post/{thread}"


def test_a_message_of_ones_own_is_kept_with_the_placeholder_or_the_name(sign_in: SignIn, cast: Cast, thread: str) -> None:
    uid = cast.post("boris", thread, "Hi Ana Alvarez, all is well.")
    boris = sign_in("boris")
    page = boris.get(f"/saved-replies/new?thread={thread}&entry={uid}").text
    assert ">Hi [PATIENT NAME], all is well.</textarea>" in page
    other = html.unescape(re.findall(r'<a href="([^"]+)">Keep the name', page)[0])
    assert ">Hi Ana Alvarez, all is well.</textarea>" in boris.get(other).text
    assert boris.get(f"/saved-replies/new?thread={thread}&entry={'0' * 26}").status_code == 404
    assert sign_in("chen").get(f"/saved-replies/new?thread={thread}&entry={uid}").status_code == 404


def test_patients_see_nothing_of_saved_replies(sign_in: SignIn, thread: str) -> None:
    ana = sign_in("ana")
    page = ana.get(f"/threads/{thread}").text
    assert "repl" not in page.partition('<section class="thread"')[2].lower() and "saved-replies" not in page
    for path in ("/saved-replies", f"/threads/{thread}/replies"):
        assert ana.get(path).status_code == 404
    assert ana.get(f"/threads/{thread}?saved={'0' * 26}").status_code == 200


def test_the_menu_of_an_own_message_offers_to_save_it_and_no_other(sign_in: SignIn, cast: Cast, thread: str) -> None:
    own = cast.post("boris", thread, "From Boris")
    cast.post("ana", thread, "From Ana")
    page = sign_in("boris").get(f"/threads/{thread}").text
    link = html.escape(f"/saved-replies/new?thread={thread}&entry={own}")
    assert link in page and page.count("Save reply") == 1
    assert "Save reply" not in sign_in("ana").get(f"/threads/{thread}").text
    assert sign_in("boris").get(html.unescape(link)).status_code == 200
