"""Payments in two clients that others wrote, over the real XMPP server: profanity at a terminal, and stanza.js over WebSocket."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.chat_app import ChatApp, Refused
from tests.support.databases import rows
from tests.support.live_clinic import LiveClinic, live_clinic
from tests.support.paying import ask, service
from tests.support.ports import eventually
from tests.support.profanity import Profanity

pytestmark = pytest.mark.e2e
HELD = "This was not sent: Boris Brandt's payment request (Consultation, 50.00 EUR) waits for your answer."


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[LiveClinic]:
    with live_clinic(tmp_path / "clinic") as place:
        eventually(lambda: not place.waiting("bookmarks"), 60, "the bookmarks are kept")
        service(place.cast)
        yield place


def kinds(clinic: LiveClinic) -> list[str]:
    """Returns the kinds of the thread's entries, without what the clinic says by itself."""
    return [kind for (kind,) in rows(clinic.url, "SELECT kind FROM entries WHERE kind != 'notice' ORDER BY seq")]


def at_a_terminal(clinic: LiveClinic, home: Path, name: str) -> Profanity:
    terminal = Profanity(home, 120)
    terminal.connect(f"{clinic.cast.handle(name)}@localhost", "secret", clinic.server.layout.c2s_port)
    terminal.opens(clinic.room)
    return terminal


def test_a_visit_at_two_terminals(clinic: LiveClinic, tmp_path: Path) -> None:
    with at_a_terminal(clinic, tmp_path / "b", "boris") as boris, at_a_terminal(clinic, tmp_path / "a", "ana") as ana:
        boris.sees("joined the room as Boris Brandt", 30)
        boris.type("!charge Consultation")
        boris.sees("Request a payment (Consultation 50.00 EUR)?", 30)
        assert kinds(clinic) == []
        boris.type("!yes")
        boris.sees("Asked. What the patient answers stands here.", 30)
        for terminal, whom in ((boris, "Ana Alvarez"), (ana, "you")):
            terminal.sees(f"Payment request for {whom}: Consultation, 50.00 EUR.", 30)
        ana.type("good morning")
        ana.sees(f"Clinic: {HELD}", 30)
        assert f"/do/payment.decide/{clinic.thread}?decision=accept&request=" in ana.screen()
        assert "good morning" not in boris.screen() and kinds(clinic) == ["payment-request"]
        ana.type("!pay accept")
        ana.sees("(Accept, “Consultation, 50.00 EUR” of Boris Brandt)?", 30)
        ana.type("!yes")
        ana.sees("Answered. You can write again", 30)
        for terminal, who in ((boris, "Ana Alvarez"), (ana, "You")):
            terminal.sees(f"{who} accepted the payment request (Consultation, 50.00 EUR).", 30)
        ana.type("good day")
        for terminal in (boris, ana):
            terminal.sees("Ana Alvarez: good day", 30)
        assert "good morning" not in boris.screen()
        boris.type("!paid Cash at the desk")
        boris.sees("Mark a request as paid (“Consultation, 50.00 EUR” of Ana Alvarez, Cash at the desk)?", 30)
        boris.type("!yes")
        ana.sees("Boris Brandt marked 50.00 EUR for Consultation as paid.", 30)
    assert kinds(clinic) == ["payment-request", "payment-decision", "text", "settlement"]


def test_the_forms_at_a_terminal(clinic: LiveClinic, tmp_path: Path) -> None:
    request = ask(clinic.cast, "boris", clinic.thread, rows(clinic.url, "SELECT uid FROM services")[0][0])
    with at_a_terminal(clinic, tmp_path / "a", "ana") as ana:
        ana.sees("Payment request for you: Consultation, 50.00 EUR.", 30)
        ana.type(f"/cmd list {clinic.room}")
        ana.sees("  pay", 30)
        assert "  charge" not in ana.screen()
        ana.type(f"/cmd exec pay {clinic.room}")
        ana.sees("Form title: Answer a payment request", 30)
        ana.sees("Consultation, 50.00 EUR · Boris Brandt")
        ana.type("/field1 reject")
        ana.type(f"/field2 {request}")
        ana.type("/form submit")
        ana.sees("Answered.", 30)
    assert kinds(clinic) == ["payment-request", "payment-decision"]
    assert rows(clinic.url, "SELECT state FROM payment_requests") == [("rejected",)]


def test_on_another_library(clinic: LiveClinic) -> None:
    ws = f"ws://127.0.0.1:{clinic.server.layout.xmpp_http_port}/xmpp-websocket"
    with ChatApp() as ana, ChatApp() as boris:
        for app, name in ((ana, "ana"), (boris, "boris")):
            app.does("connect", jid=f"{clinic.cast.handle(name)}@localhost", password="secret", url=ws)
            app.does("join", room=clinic.room, nick=name, history=0)
        assert "charge" in boris.does("offered", to=clinic.room) and "pay" not in boris.does("offered", to=clinic.room)
        for app, node in ((ana, "charge"), (boris, "pay")):
            with pytest.raises(Refused, match="item-not-found"):
                app.does("command", to=clinic.room, node=node)
        form = boris.does("command", to=clinic.room, node="charge")
        fields = {field["name"]: field for field in form["form"]["fields"]}
        [one] = fields["service"]["options"]
        assert one["label"] == "Consultation · 50.00 EUR" and "amount" not in fields
        done = boris.does("command", to=clinic.room, node="charge", session=form["sid"], fields={"service": one["value"]})
        assert done["status"] == "completed"
        ana.does("say", room=clinic.room, text="hello", id="s1")
        eventually(lambda: len(ana.refused) == 1, 30, "it is held back")
        assert ana.refused[0]["condition"] == "not-allowed" and ana.refused[0]["text"].startswith(HELD)
        assert ana.refused[0]["text"].count("/do/payment.decide/") == 2
        ana.does("whisper", to=f"{clinic.room}/Boris Brandt", text="hello", id="w1")
        eventually(lambda: len(ana.refused) == 2, 30, "a private message is held back as well")
        assert ana.refused[1] == {**ana.refused[0], "id": "w1"}
        form = ana.does("command", to=clinic.room, node="pay")
        fields = {field["name"]: field for field in form["form"]["fields"]}
        assert [option["label"] for option in fields["decision"]["options"]] == ["Accept", "Reject"]
        [asked] = fields["request"]["options"]
        assert asked["label"] == "Consultation, 50.00 EUR · Boris Brandt"
        done = ana.does("command", to=clinic.room, node="pay", session=form["sid"], fields={"decision": "accept", "request": asked["value"]})
        assert done["status"] == "completed"
        ana.does("say", room=clinic.room, text="hello", id="s1")
        eventually(lambda: "hello" in [one["body"] for one in boris.heard], 30, "it comes through under the same id")
        with pytest.raises(Refused, match="item-not-found"):
            ana.does("command", to=clinic.room, node="pay")
        ana.does("whisper", to=f"{clinic.room}/Boris Brandt", text="hello", id="w1")
        eventually(lambda: len(ana.refused) == 3, 30, "it is refused as ever")
        assert ana.refused[2]["condition"] == "not-acceptable" and ana.refused[2]["text"].startswith("Private messages are not possible")
        assert [one["body"] for one in boris.heard].count("hello") == 1
    assert kinds(clinic) == ["payment-request", "payment-decision", "text"]
