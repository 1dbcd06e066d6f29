"""A whole visit to a thread in two clients that others wrote: profanity at a terminal, and stanza.js over WebSocket.

The thread is found by its bookmark, read, written in, a message is corrected, a form filled in, and what is not allowed is refused in words.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from clinic.thread.views import thread_head, thread_page
from tests.support.chat_app import ChatApp, Refused
from tests.support.live_clinic import LiveClinic, live_clinic
from tests.support.ports import eventually
from tests.support.profanity import Profanity

pytestmark = pytest.mark.e2e
EARLIER = "Good morning, how is the knee?"


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[LiveClinic]:
    with live_clinic(tmp_path / "clinic") as place:
        eventually(lambda: not place.waiting("bookmarks"), 60, "the bookmarks are kept")
        place.cast.post("ana", place.thread, EARLIER)
        yield place


def shows(clinic: LiveClinic, wanted: list[str]) -> None:
    """Waits until Ana's page shows that people wrote this."""
    def texts() -> list[str]:
        with clinic.db.read(clinic.cast.ana) as work:
            return [entry.body for entry in thread_page(work, clinic.thread).entries if entry.kind == "text"]
    eventually(lambda: texts() == wanted, 30, f"the page shows {wanted}")


def renamed(clinic: LiveClinic) -> str:
    with clinic.db.read(clinic.cast.boris) as work:
        return thread_head(work, clinic.thread).title


def test_at_a_terminal(clinic: LiveClinic, tmp_path: Path) -> None:
    with Profanity(tmp_path / "home", 120) as terminal:
        terminal.connect(f"{clinic.cast.handle('boris')}@localhost", "secret", clinic.server.layout.c2s_port)
        terminal.opens(clinic.room)
        terminal.sees(f"Ana Alvarez: {EARLIER}", 30)
        terminal.type("/correction on")
        terminal.type("Take 20 tablets")
        terminal.sees("Boris Brandt: Take 20 tablets", 30)
        terminal.type("/correct Take 2 tablets")
        shows(clinic, [EARLIER, "Take 2 tablets"])
        terminal.sees("Boris Brandt: Take 2 tablets", 30)
        assert "Take 20" not in terminal.screen()
        terminal.type(f"/cmd exec rename {clinic.room}")
        terminal.sees("Form title: Rename the thread", 30)
        terminal.type('/field1 "Knee left"')
        terminal.type("/form submit")
        terminal.sees("Renamed.", 30)
        assert renamed(clinic) == "Knee left"
        terminal.type(f"/cmd exec share {clinic.room}")  # a 1:1 has no group admin
        terminal.sees("Error executing command share: This is not offered to you here", 30)
        terminal.type("!urgent help")
        terminal.sees("There is no command !urgent here.", 30)
    shows(clinic, [EARLIER, "Take 2 tablets"])


def test_on_another_library(clinic: LiveClinic) -> None:
    with ChatApp() as app:
        url = f"ws://127.0.0.1:{clinic.server.layout.xmpp_http_port}/xmpp-websocket"
        app.does("connect", jid=f"{clinic.cast.handle('boris')}@localhost", password="secret", url=url)
        [bookmark] = app.does("bookmarks")
        assert bookmark["jid"] == clinic.room
        app.does("join", room=bookmark["jid"], nick=bookmark["nick"], history=0)
        [page] = app.does("catchUp", room=clinic.room, known=None, size=50)
        assert page[-1]["body"] == EARLIER
        app.does("say", room=clinic.room, text="Take 20 tablets", id="s1")
        app.does("correct", room=clinic.room, text="Take 2 tablets", id="s2", replaces="s1")
        shows(clinic, [EARLIER, "Take 2 tablets"])
        eventually(lambda: len(app.heard) == 2, 30, "both come back")
        assert [(one["body"], one.get("replaces")) for one in app.heard] == [("Take 20 tablets", None), ("Take 2 tablets", "s1")]
        form = app.does("command", to=clinic.room, node="rename")
        assert [field["name"] for field in form["form"]["fields"]] == ["title"]
        done = app.does("command", to=clinic.room, node="rename", session=form["sid"], fields={"title": "Knee left"})
        assert done["status"] == "completed" and renamed(clinic) == "Knee left"
        with pytest.raises(Refused, match="item-not-found"):
            app.does("command", to=clinic.room, node="share")
        app.does("say", room=clinic.room, text="!urgent help", id="s3")
        app.does("correct", room=clinic.room, text="What Ana did not say", id="s4", replaces="nothing-like-it")
        eventually(lambda: len(app.refused) == 2, 30, "both are refused")
        told = {one["id"]: one["text"] for one in app.refused}
        assert told["s3"].startswith("There is no command !urgent here.") and told["s4"].startswith("This message is not known in this thread.")
    shows(clinic, [EARLIER, "Take 2 tablets"])
