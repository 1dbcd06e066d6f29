"""Wrong input gets words in the page, and what was typed stays."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser

from tests.support.browser import Person, texts
from tests.support.clinic import RunningClinic

pytestmark = pytest.mark.e2e
People = Callable[..., Person]


def test_a_wrong_password_gets_the_same_words_as_an_unknown_address(browser: Browser, clinic: RunningClinic) -> None:
    said = []
    for email in ("bella@clinic.example", "nobody@clinic.example"):
        page = browser.new_context().new_page()
        page.goto(f"{clinic.ready['web']}/login")
        page.fill("[name=email]", email)
        page.fill("[name=password]", "not the password")
        page.press("[name=password]", "Enter")
        page.get_by_role("alert").wait_for()
        assert page.input_value("[name=email]") == email
        said.append(page.get_by_role("alert").inner_text())
        page.context.close()
    assert said[0] == said[1]
    assert "password" in said[0]


@pytest.mark.parametrize(("text", "words"), [("form\x0cfeed", "form feed"), ("x" * 65_537, "send it in parts")])
def test_a_text_that_cannot_be_sent_is_refused_in_words_and_kept(person: People, text: str, words: str) -> None:
    ana = person("ana")
    page = ana.open("ana-boris")
    ana.live()
    page.eval_on_selector("#body", "(box, text) => { box.value = text; box.dispatchEvent(new InputEvent('input', {bubbles: true})); }", text)
    page.press("#body", "Enter")
    # In what refuses it: blank for blank the text that was typed reads like the words.
    page.locator("article.refused .state, #compose-note", has_text=words).wait_for()
    assert not any(text[:200] in shown for shown in texts(page))
    assert page.evaluate("part => Object.values(localStorage).some(kept => kept.includes(part))", text[:4])


def test_editing_a_refused_text_takes_out_what_cannot_be_sent_and_says_so(person: People) -> None:
    ana = person("ana")
    page = ana.open("ana-boris")
    ana.live()
    page.fill("#body", "a page\x0cbreak")
    page.press("#body", "Control+Enter")
    refused = page.locator("article.refused", has_text="a page")
    refused.get_by_role("button", name="Edit").click()
    assert page.input_value("#body") == "a pagebreak"
    page.get_by_text("Removed 1 character that cannot be sent").wait_for()
    page.press("#body", "Control+Enter")
    ana.sees("a pagebreak")


def test_a_stranger_and_an_absent_thread_get_the_same_page(person: People, clinic: RunningClinic) -> None:
    ada = person("ada")
    answers = []
    for uid in (clinic.ready["threads"]["ana-boris"]["uid"], "0" * 26):
        response = ada.page.goto(f"{clinic.ready['web']}/threads/{uid}")
        assert response is not None
        answers.append((response.status, ada.page.locator("main").inner_text()))
    assert answers[0] == answers[1]
    assert answers[0][0] == 404


def test_broken_xml_ends_its_own_stream_in_words_and_nobody_elses(person: People, clinic: RunningClinic) -> None:
    ana, boris = person("ana"), person("boris")
    for one in (ana, boris):
        one.open("ana-boris")
        one.live()
    room = clinic.ready["threads"]["ana-boris"]["room"]
    with clinic.xmpp("boris", "broken") as broken, clinic.xmpp("boris", "whole") as whole:
        broken.send(f"<message to='{room}' type='groupchat'><body>half a <b></body></message>")
        assert broken.wait_closed().error == "not-well-formed"
        answer = whole.ask("<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>", id="p")
        assert answer.get("type") == "result"
    ana.write("After the broken stream")
    boris.sees("After the broken stream")
    assert not any("half a" in text for text in texts(boris.page))


@pytest.mark.parametrize("path", ["/invite/nonsense", "/setup/nonsense"])
def test_an_expired_link_says_what_to_do(browser: Browser, clinic: RunningClinic, path: str) -> None:
    page = browser.new_context().new_page()
    response = page.goto(clinic.ready["web"] + path)
    assert response is not None and response.status in {404, 410}
    assert "new" in page.locator("main").inner_text()
    page.context.close()
