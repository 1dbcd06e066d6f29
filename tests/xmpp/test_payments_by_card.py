"""Paying by card from an app: asked, answered and told of at a terminal, paid on the card service's page in a browser. Its stand-in is ours."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from clinic import Actor, Database, Role
from tests.support.browser import Person, chromium
from tests.support.clinic import RunningClinic
from tests.support.profanity import Profanity
from tests.support.stripe_books import DECLINED, GOOD
from tests.support.stripe_stand_in import StripeStandIn

pytestmark = pytest.mark.e2e
PATIENCE = 30.0


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[StripeStandIn]:
    with StripeStandIn() as one:
        one.write_keys(tmp_path / "clinic")
        yield one


@pytest.fixture
def clinic(tmp_path: Path, stand: StripeStandIn) -> Iterator[RunningClinic]:
    with RunningClinic(tmp_path / "clinic", "--demo") as one:
        stand.webhook_url = f"{one.ready['web']}/webhooks/stripe"
        database = Database.open(one.url, run_dir=one.data / "run", pepper=b"")
        system = Actor.system()
        database.perform(system, "service.create", name="Second opinion", price="50", currency="EUR", response_hours="24")
        database.perform(system, "payment.provide", provider="stripe")
        database.close()
        yield one


def terminal_of(clinic: RunningClinic, home: Path, name: str) -> Profanity:
    account, room = clinic.ready["accounts"][name], clinic.ready["threads"]["ana-boris"]["room"]
    terminal = Profanity(home, 150)
    terminal.connect(account["jid"], account["device_password"], clinic.ready["xmpp"]["port"])
    terminal.opens(room)
    return terminal


def test_a_declined_card_then_another_one(clinic: RunningClinic, stand: StripeStandIn, tmp_path: Path) -> None:
    with terminal_of(clinic, tmp_path / "b", "boris") as boris, terminal_of(clinic, tmp_path / "a", "ana") as ana:
        boris.type("!charge Second opinion")
        boris.sees("Request a payment (Second opinion 50.00 EUR, fixed price)?", PATIENCE)
        boris.type("!yes")
        ana.sees("Payment request for you: Second opinion, 50.00 EUR.", PATIENCE)
        ana.type("my question is")
        ana.sees("Clinic: This was not sent: Boris Brandt's payment request (Second opinion, 50.00 EUR) waits for your answer.", PATIENCE)
        ana.type("!pay accept")
        ana.sees("(Accept, “Second opinion, 50.00 EUR” of Boris Brandt)?", PATIENCE)
        ana.type("!yes")
        ana.sees("You can pay 50.00 EUR for Second opinion now.", PATIENCE)
        ana.type("my question is this")
        boris.sees("Ana Alvarez: my question is this", PATIENCE)  # whether or not it is ever paid
        ana.type("!topay")
        ana.sees("This page leads to the card service.", PATIENCE)
        address = re.findall(r"https?://\S+/payments/\w+", ana.screen())[-1]
        with chromium() as browser:
            person = Person(browser, clinic, "ana", ignore_https_errors=True).sign_in()
            person.page.goto(address)
            person.page.get_by_role("link", name="Pay 50.00 EUR now").click()
            person.page.get_by_label("Card number").fill(DECLINED)
            person.page.get_by_role("button", name="Pay").click()
            person.page.get_by_role("alert").wait_for()
            ana.sees("The payment of 50.00 EUR for Second opinion did not go through.", PATIENCE)
            ana.type("my card was declined")
            boris.sees("Ana Alvarez: my card was declined", PATIENCE)
            person.page.get_by_label("Card number").fill(GOOD)
            person.page.get_by_role("button", name="Pay").click()
            person.page.wait_for_url(re.compile(r"/payments/\w+\?back=1"))
            for terminal, who in ((ana, "You"), (boris, "Ana Alvarez")):
                terminal.sees(f"{who} paid 50.00 EUR for Second opinion.", PATIENCE)
        assert [line for line in boris.screen().splitlines() if "my question is" in line and "this" not in line] == []
    [paid] = [one for one in stand.books.objects.values() if one["object"] == "charge" and one["paid"]]
    assert paid["amount"] == 5000


def test_a_page_with_another_thread_open_says_at_once_what_was_asked_and_answered_elsewhere(clinic: RunningClinic, tmp_path: Path) -> None:
    database = Database.open(clinic.url, run_dir=clinic.data / "run", pepper=b"")
    with database.reading() as connection:
        uids = {row.name: row.uid for row in connection.exec_driver_sql("SELECT name, uid FROM accounts")}
    boris_here = Actor.page(uids["Boris Brandt"], Role.PRACTITIONER, "elsewhere")
    people = [uids["Ana Alvarez"], uids["Ada Almeida"]]
    group = database.perform(boris_here, "group.create", title="Knee class", people=people, reason="Exercises").value
    with terminal_of(clinic, tmp_path / "b", "boris") as boris, terminal_of(clinic, tmp_path / "a", "ana") as ana, chromium() as browser:
        person = Person(browser, clinic, "ana").sign_in()
        person.page.goto(f"{clinic.ready['web']}/threads/{group}")
        person.live().fill("#body", "half a sentence")
        boris.type("!charge Second opinion")
        boris.sees("Request a payment", PATIENCE)
        boris.type("!yes")
        gate = person.page.locator("#gate", has_text="Boris Brandt asks you to pay 50.00 EUR for Second opinion")
        gate.wait_for(timeout=5_000)
        assert person.page.input_value("#body") == "half a sentence"
        ana.sees("Payment request for you", PATIENCE)
        ana.type("!pay reject")
        ana.sees("(Reject, “Second opinion, 50.00 EUR” of Boris Brandt)?", PATIENCE)
        ana.type("!yes")
        gate.wait_for(state="hidden", timeout=5_000)
        person.page.press("#body", "Enter")
        person.sees("half a sentence")
    database.close()
