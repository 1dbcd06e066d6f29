"""Ad-hoc commands as two real clients give them: profanity at a terminal, and stanza.js."""

from pathlib import Path

import pytest

from tests.support.chat_app import ChatApp, Refused
from tests.support.live_clinic import LiveClinic
from tests.support.profanity import Profanity

pytestmark = pytest.mark.e2e


def muted(clinic: LiveClinic, name: str) -> bool:
    with clinic.db.read(getattr(clinic.cast, name)) as work:
        return work.member(work.thread(clinic.thread)).muted


def test_at_a_terminal_a_person_lists_fills_in_and_submits(clinic: LiveClinic, tmp_path: Path) -> None:
    with Profanity(tmp_path / "home", 120) as terminal:
        terminal.connect(f"{clinic.cast.handle('ana')}@localhost", "secret", clinic.server.layout.c2s_port)
        terminal.opens(clinic.room)
        terminal.type(f"/cmd list {clinic.room}")
        terminal.sees("Ad hoc commands:", 30)
        terminal.sees("  mute")
        terminal.type(f"/cmd exec mute {clinic.room}")
        terminal.sees("Muted", 30)
        terminal.type("/field1 on")
        terminal.type("/form submit")
        terminal.sees("Saved.", 30)
    assert muted(clinic, "ana")


def test_an_app_on_another_library_does_the_same(clinic: LiveClinic) -> None:
    with ChatApp() as app:
        url = f"ws://127.0.0.1:{clinic.server.layout.xmpp_http_port}/xmpp-websocket"
        app.does("connect", jid=f"{clinic.cast.handle('ana')}@localhost", password="secret", url=url)
        assert app.does("offered", to=clinic.room)["mute"] == "Mute or unmute the thread"
        assert "start" in app.does("offered", to=clinic.room.partition("@")[2])
        form = app.does("command", to=clinic.room, node="mute")
        assert form["status"] == "executing" and [field["type"] for field in form["form"]["fields"]] == ["boolean"]
        done = app.does("command", to=clinic.room, node="mute", session=form["sid"], fields={"muted": "1"})
        assert done["status"] == "completed" and muted(clinic, "ana")
        with pytest.raises(Refused, match="bad-request"):
            app.does("command", to=clinic.room, node="mute", session=form["sid"], fields={"muted": "0"})
        assert muted(clinic, "ana")


def test_at_a_terminal_a_command_typed_as_a_message_is_done_and_not_posted(clinic: LiveClinic, tmp_path: Path) -> None:
    with Profanity(tmp_path / "home", 120) as terminal:
        terminal.connect(f"{clinic.cast.handle('boris')}@localhost", "secret", clinic.server.layout.c2s_port)
        terminal.opens(clinic.room)
        terminal.sees("joined the room as Boris Brandt", 30)
        terminal.type("!help")
        terminal.sees("!rename", 30)
        terminal.type("!rename Knee of spring")
        terminal.sees("Renamed. (Only you see this.)", 30)
        terminal.type("!leave")
        terminal.sees("send !yes", 30)
        terminal.type("!nonsense")
        terminal.sees("There is no command !nonsense here.", 30)
    assert clinic.archive() == []
