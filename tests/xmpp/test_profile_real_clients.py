"""A patient's profile in two clients that others wrote, over the real XMPP server: profanity at a terminal, and stanza.js over WebSocket."""

from pathlib import Path
from typing import Any

import pytest

from clinic.profile.opening import Profile
from tests.support.chat_app import ChatApp, Refused
from tests.support.databases import rows
from tests.support.live_clinic import LiveClinic
from tests.support.profanity import Profanity

pytestmark = pytest.mark.e2e
ROWS = 200


def do(clinic: LiveClinic, who: str, action: str, **values: Any) -> Any:
    return clinic.db.perform(getattr(clinic.cast, who), f"profile.{action}", clinic.cast.uid("ana"), **values).value


def profile(clinic: LiveClinic) -> Profile:
    opened: Profile = do(clinic, "boris", "open")
    return opened


def by_app(clinic: LiveClinic) -> list[tuple[str, str, str]]:
    """Returns what was done of profiles by app, by whom, and to whom."""
    found = rows(clinic.url, "SELECT action, role, subject FROM audit_entries WHERE door = 'xmpp' AND action LIKE 'profile.%' ORDER BY id")
    return [tuple(row) for row in found]


def at_a_terminal(clinic: LiveClinic, home: Path, name: str) -> Profanity:
    terminal = Profanity(home, ROWS)
    terminal.connect(f"{clinic.cast.handle(name)}@localhost", "secret", clinic.server.layout.c2s_port)
    terminal.opens(clinic.room)
    return terminal


def test_staff_read_and_add_at_a_terminal_and_the_patient_sees_nothing_of_it(clinic: LiveClinic, tmp_path: Path) -> None:
    do(clinic, "boris", "measure", version=0, weight="64.5", weight_unit="kg", blood_group="A-")
    do(clinic, "boris", "note", body="Quietly worried about the stairs")
    uid = clinic.cast.uid("ana")
    with at_a_terminal(clinic, tmp_path / "b", "boris") as boris, at_a_terminal(clinic, tmp_path / "a", "ana") as ana:
        boris.sees("joined the room as Boris Brandt", 30)
        boris.type("!health allergy ; Penicillin ; a rash ; severe ; 2011")
        boris.sees("Clinic: Added. (Only you see this.)", 30)
        boris.type("!profile")
        boris.sees("That you opened this is in the audit log. (Only you see this.)", 30)
        seen = boris.screen()
        for line in ("Clinic: Profile: Ana Alvarez, born 27 March 1984", "Allergies:", "- Penicillin, severe, a rash, since 2011 (staff: Boris Brandt, ",
                     "- Blood group: A− (staff: Boris Brandt, ", "Boris Brandt: Quietly worried about the stairs", f"/patients/{uid}"):
            assert line in seen, line
        boris.type(f"/cmd list {clinic.room}")
        boris.sees("  change-health", 30)
        boris.type(f"/cmd exec change-health {clinic.room}")
        boris.sees("Penicillin, severe · allergy", 30)
        boris.type(f"/field1 {profile(clinic).health.of('allergy')[0].uid}")
        boris.type("/form submit")
        boris.sees("It was entered by mistake", 30)
        boris.type("/field3 mild")
        boris.type("/form submit")
        boris.sees("Saved.", 30)
        boris.type(f"/cmd exec profile {clinic.room}")
        boris.sees("- Penicillin, mild, a rash, since 2011 (staff: Boris Brandt, ", 30)
        boris.type("good morning")
        ana.sees("Boris Brandt: good morning", 30)
        shown = ana.screen()
        assert not [word for word in ("Penicillin", "worried", "!profile", "!health", "audit log") if word in shown]
    assert [one.severity for one in profile(clinic).health.of("allergy")] == ["mild"]
    assert [kind for (kind,) in rows(clinic.url, "SELECT kind FROM entries WHERE kind != 'notice'")] == ["text"]
    assert by_app(clinic) == [
        ("profile.add", "practitioner", uid), *[("profile.open", "practitioner", uid)] * 3, ("profile.change", "practitioner", uid),
        ("profile.open", "practitioner", uid),
    ]


def test_patients_see_and_add_to_their_own_at_a_terminal(clinic: LiveClinic, tmp_path: Path) -> None:
    do(clinic, "boris", "note", body="Quietly worried about the stairs")
    with at_a_terminal(clinic, tmp_path / "a", "ana") as ana:
        ana.sees("joined the room as Ana Alvarez", 30)
        ana.type("!health condition ; Heartburn ; after meals")
        ana.sees("Clinic: Added. (Only you see this.)", 30)
        ana.type("!profile")
        ana.sees("- Heartburn, after meals (patient says, ", 30)
        ana.type(f"/cmd exec demographics {clinic.room}")
        ana.sees("Form title: Change the demographics", 30)
        ana.sees("[-] No choice")
        ana.type('/field3 "+351 21 555 0114"')
        ana.type("/form submit")
        ana.sees("Saved.", 30)
        assert "worried" not in ana.screen() and "profile-note" not in ana.screen()
    said = profile(clinic).demographics.get("phone")
    assert said is not None and (said.value, said.role) == ("+351 21 555 0114", "patient")


def test_on_another_library(clinic: LiveClinic) -> None:
    ws = f"ws://127.0.0.1:{clinic.server.layout.xmpp_http_port}/xmpp-websocket"
    clinic.web.passwords[clinic.cast.handle("bella"), "secret"] = "d-bella"
    with ChatApp() as boris, ChatApp() as bella:
        for app, name in ((boris, "boris"), (bella, "bella")):
            app.does("connect", jid=f"{clinic.cast.handle(name)}@localhost", password="secret", url=ws)
        form = boris.does("command", to=clinic.room, node="body")
        assert {field["name"] for field in form["form"]["fields"]} >= {"weight", "weight_unit", "blood_group"}
        done = boris.does("command", to=clinic.room, node="body", session=form["sid"], fields={"weight": "64.5", "weight_unit": "kg", "blood_group": "A-"})
        assert done["status"] == "completed"
        assert boris.does("command", to=clinic.room, node="profile")["status"] == "completed"
        for room in (clinic.room, f"{'0' * 26}@{clinic.room.partition('@')[2]}"):
            with pytest.raises(Refused, match="item-not-found"):
                bella.does("command", to=room, node="profile")
    found = profile(clinic).health.staff
    assert [found.get(name).value for name in ("weight", "blood_group")] == ["64.5 kg", "A−"]
