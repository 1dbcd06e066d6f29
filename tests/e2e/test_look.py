"""Every page from 320 to 1280 pixels, light and dark, with long names: no fault by axe, nothing wider than the screen."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.support.browser import Person, axe_problems, misplaced
from tests.support.clinic import RunningClinic
from tests.support.page import Page

pytestmark = pytest.mark.e2e
LONG = {
    "ana": "Ana Llanfairpwllgwyngyllgogerychwyrndrobwll",
    "ada": "Maria-Theresia von Hohenlohe-Schillingsfürst und Waldenburg",
    "bella": "Thiruvengadathan Balasubrahmanyam Venkataramanan",
    "boris": "Hubert Wolfeschlegelsteinhausenbergerdorff",
}
PLAIN = {"ana": "Ana Alvarez", "ada": "Ada Almeida", "bella": "Bella Baptiste", "boris": "Boris Brandt"}
BORN = {"ana": "1987-03-14", "ada": "1954-11-02"}
SERVICE = "Rechtsschutzversicherungsgesellschaftsgutachten and a written answer to one further question"
REQUESTS: dict[str, str] = {}
DEVICE = ("Donaudampfschifffahrtsgesellschaftskapitänskajütenschlüssel" * 3)[:150]
PAGES = {
    "ada": ["/", "thread", "/threads/new", "/account", "/account/devices", "/nowhere", "/do/thread.start", "do thread.leave",
            "do text.schedule", "/payments", "accepted", "unanswered", "do payment.decide"],
    "bella": ["/", "thread", "replies", "patient", "patient/edit?what=demographics", "patient/edit?what=basics", "patient/edit?what=note", "patient/history",
              "/saved-replies", "/threads/new", "/threads/new?q=Maria", "/threads/new?q=Llan", "/account/devices",
              "/do/group.create", "do thread.invite", "/do/absence.begin", "do thread.mute", "do payment.request", "do payment.withdraw",
              "do payment.mark_paid"],
    "boris": ["/threads/new?q=Maria", "/threads/new?q=Nobody", "/search?q=the", "/away", "/later", "/documents", "/documents?put_away=1"],
    "ana": ["thread", "/threads/new", "call", "/search", "/payments", "/profile", "practitioner", "/documents", "/documents?form=pdf", "choose"],
    "dina": ["/admin/accounts", "/admin/statuses", "/admin/links", "/admin/clinic", "/account", "/admin/services", "/admin/payments",
             "/admin/payments?patient=nobody", "all accepted", "all unanswered", "all paid", "demographics"],
}
LOOKS = [(320, "light"), (320, "dark"), (390, "light"), (768, "light"), (768, "dark"), (1280, "light"), (1280, "dark")]
OPEN_ALL = "(where) => { for (const part of document.querySelectorAll(`${where} details:not(.drop)`)) part.open = true; }"
OPEN_DROP = "(number) => document.querySelectorAll('main details.drop').forEach((drop, place) => { drop.open = place === number; })"
looks = pytest.mark.parametrize(("width", "scheme"), LOOKS)


def done(page: Page, action: str, subject: str | None = None, **values: object) -> Any:
    """Return the value of an action that must succeed."""
    answer = page.act(action, subject, **values)
    assert answer.status == 200, answer.text
    return json.loads(answer.text)["value"]


def account_of(page: Page) -> str:
    """Return the uid of whose browser this is."""
    found = re.search(r'data-account="(\w+)"', page.ask("GET", "/account", headers={"Accept": "text/html"}).text)
    assert found
    return found.group(1)


def asked_to_pay(clinic: RunningClinic, dina: Page, bella: Page, ada: Page) -> dict[str, str]:
    """Have Bella ask Ada for two payments, of which she accepts one; returns their uids. The service is offered no more than to them."""
    thread = clinic.ready["threads"]["ada-bella"]["uid"]
    service = done(dina, "service.create", name=SERVICE, price="12345.678", currency="KWD", description=f"{SERVICE}. {SERVICE}", tax_note="Free of tax")
    for which in ("accepted", "unanswered"):
        REQUESTS[which] = done(bella, "payment.request", thread, service=service, client_id=which)
        if which == "accepted":
            done(ada, "payment.decide", thread, decision="accept", request=REQUESTS[which])
    return REQUESTS | {"service": service}


@pytest.fixture(scope="module")
def invitation(clinic: RunningClinic) -> Iterator[str]:
    """Long names, and devices of a long name, while this module runs. Yields the path of an invitation that nobody accepts."""
    with ExitStack() as stack:
        dina, *owners = [stack.enter_context(closing(Page(clinic, name))) for name in ("dina", *LONG)]
        uids = {name: account_of(page) for name, page in zip(LONG, owners, strict=True)}

        def call_them(names: dict[str, str]) -> None:
            for key, name in names.items():
                email = clinic.ready["accounts"][key]["email"]
                done(dina, "account.describe", uids[key], name=name, email=email, birth_date=BORN.get(key))

        call_them(LONG)
        devices = [done(page, "device.mint", name=DEVICE)["uid"] for page in owners]
        token = done(dina, "account.invite", uids["ada"])["token"]
        requests = asked_to_pay(clinic, dina, bella=owners[list(LONG).index("bella")], ada=owners[list(LONG).index("ada")])
        for page in (dina, *owners):
            page.close()  # the server does not wait for as long as the tests take
        yield f"/invite/{token}"
        call_them(PLAIN)
        thread, bella = clinic.ready["threads"]["ada-bella"]["uid"], owners[list(LONG).index("bella")]
        done(bella, "payment.withdraw", thread, request=requests["unanswered"])
        done(bella, "payment.mark_paid", thread, request=requests["accepted"], note="At the desk")
        done(dina, "service.archive", requests["service"])
        for page, device in zip(owners, devices, strict=True):
            done(page, "device.revoke", device)


def drops(page: Any) -> list[int]:
    """Return the places of the menus that drop down: each of the bars', and of many messages' the first and the last."""
    where = page.evaluate("[...document.querySelectorAll('main details.drop')].map((drop) => drop.closest('article') !== null)")
    messages = [place for place, inside in enumerate(where) if inside]
    return [place for place, inside in enumerate(where) if not inside] + messages[:1] + messages[-1:]


def paid_at_the_desk(one: Person) -> str:
    """Return where an administrator sees what the demonstration's patient has paid."""
    one.page.goto(f"{one.clinic.ready['web']}/admin/payments?state=paid")
    return one.page.locator("a.title", has_text="Prescription renewal").get_attribute("href") or ""


def look_at(one: Person, path: str, status: int = 200) -> None:
    """Open a page, then every part of it that opens, and look at each."""
    thread = one.clinic.ready["threads"]["ana-boris" if one.name == "ana" else "ada-bella"]
    form = f"/do/{path.removeprefix('do ')}/{thread['uid']}"  # "do thread.leave": the form of that action in the thread
    named = {"thread": thread["url"], "replies": f"{thread['url']}/replies", "call": f"{thread['url']}/urgent", "choose": f"{thread['url']}/documents"}
    named |= {which: f"/payments/{uid}" for which, uid in REQUESTS.items()} | {f"all {which}": f"/admin/payments/{uid}" for which, uid in REQUESTS.items()}
    address = named.get(path, form if path.startswith("do ") else path)
    if path.startswith("patient") or path == "practitioner":
        one.open("ana-boris" if path == "practitioner" else "ada-bella")
        address = (one.page.locator("#thread-title a").get_attribute("href") or "") + path.removeprefix("practitioner").removeprefix("patient")
    if path == "demographics":
        one.page.goto(f"{one.clinic.ready['web']}/admin/accounts")
        address = one.page.get_by_role("link", name=f"Demographics of {LONG['ada']}").get_attribute("href") or ""
    if path == "all paid":
        address = paid_at_the_desk(one)
    response = one.page.goto(one.clinic.ready["web"] + address)
    assert response is not None and response.status == status, path
    assert misplaced(one.page) == [], path
    one.page.evaluate(OPEN_ALL, "main")
    assert misplaced(one.page) == [], f"{path}, opened"
    assert axe_problems(one.page) == [], path
    for number in drops(one.page):  # one at a time, as the page has it
        one.page.evaluate(OPEN_DROP, number)
        one.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")  # scrolled to whole
        assert misplaced(one.page) == [], f"{path}, menu {number}"
        # The menu alone: whatever it happens to lie over was looked at without it, and is out of reach while it is open.
        assert axe_problems(one.page, "main details.drop[open]") == [], f"{path}, menu {number}"
    one.page.evaluate(OPEN_DROP, -1)
    one.page.evaluate(OPEN_ALL, ".top")
    assert misplaced(one.page) == [], f"{path}, with the menu"


@looks
@pytest.mark.parametrize("name", PAGES)
@pytest.mark.usefixtures("invitation")
def test_pages_fit_and_are_accessible(person: Callable[..., Person], name: str, scheme: str, width: int) -> None:
    one = person(name, viewport={"width": width, "height": 700}, color_scheme=scheme)
    for path in PAGES[name]:
        look_at(one, path, 404 if path == "/nowhere" else 200)
        found = {"q=Maria": [LONG["ada"]], "q=Llan": [LONG["ana"]]}.get(path.partition("?")[2])
        if found:
            assert one.page.locator("#found strong").all_inner_texts() == found


@looks
@pytest.mark.usefixtures("invitation")
def test_the_question_before_money_goes_back_fits_and_is_accessible(person: Callable[..., Person], scheme: str, width: int) -> None:
    dina = person("dina", viewport={"width": width, "height": 700}, color_scheme=scheme)
    dina.page.goto(dina.clinic.ready["web"] + paid_at_the_desk(dina))
    dina.page.get_by_text("Give back…").click()
    dina.page.get_by_label("Amount").fill("15.001")
    dina.page.get_by_label("Reason").fill("Renewed for nothing " * 8)
    dina.page.get_by_role("button", name="Go on").click()
    dina.page.get_by_text("EUR has 2 decimal places.").first.wait_for()
    assert (misplaced(dina.page), axe_problems(dina.page)) == ([], [])
    dina.page.get_by_label("Amount").fill("5")
    dina.page.get_by_role("button", name="Go on").click()
    dina.page.get_by_text("Give back 5.00 EUR?").first.wait_for()
    assert (misplaced(dina.page), axe_problems(dina.page)) == ([], [])
    dina.page.get_by_role("link", name="Don’t").click()
    dina.page.get_by_text("What you can do").first.wait_for()


@looks
def test_pages_before_the_log_in_fit_and_are_accessible(
    browser: Browser, clinic: RunningClinic, invitation: str, scheme: str, width: int
) -> None:
    nobody = Person(browser, clinic, "nobody", viewport={"width": width, "height": 700}, color_scheme=scheme)
    for path, status in {"/login": 200, invitation: 200, "/invite/nonsense": 410, "/setup/nonsense": 410, "/nowhere": 404}.items():
        look_at(nobody, path, status)
    nobody.context.close()
    assert nobody.problems == []


def test_a_thread_is_usable_by_keyboard_alone(person: Callable[..., Person]) -> None:
    boris = person("boris")
    page = boris.open("ana-boris")
    boris.live()
    seen = []
    page.evaluate("document.activeElement.blur(); getSelection().removeAllRanges()")
    for _ in range(40):  # each message has a menu to stop at: what is to be written is reached past them
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.id || document.activeElement.textContent.trim().slice(0, 23)"))
        if seen[-1] == "Skip to the message box":
            page.keyboard.press("Enter")
            break
    assert page.evaluate("document.activeElement.id") == "body", seen
    page.keyboard.type("By keyboard alone")
    page.keyboard.press("Enter")
    boris.sees("By keyboard alone")  # in the log: the list beside it shows it too, a moment later
