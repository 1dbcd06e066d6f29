"""Catching up with an app that others wrote (stanza.js, over WebSocket): what it missed is what the clinic's log says, once and in order.

Source: XEP-0313 with paging, XEP-0198, house rules 5, 9, 10 and 13.
"""

from typing import Any

import pytest

from tests.support.chat_app import ChatApp, Network, Refused
from tests.support.crowd import Member, settle
from tests.support.databases import rows
from tests.support.live_clinic import LiveClinic
from tests.support.ports import eventually

pytestmark = pytest.mark.e2e
AWAY_FOR, PAGE = 120, 50
Line = tuple[str, str]


def log_of(clinic: LiveClinic, staff: bool = False) -> list[str]:
    """Returns the archive ids of all that a patient (or staff) may see, in the order of the log; read with a query of the test's own."""
    return [uid for uid, audience in rows(clinic.url, "SELECT uid, audience FROM entries ORDER BY seq") if staff or audience == "everyone"]


def says(clinic: LiveClinic, chen: Member, number: int) -> None:
    """Has Boris write from the page and Chen from an app, in turn, and sometimes something for staff only."""
    for count in range(number):
        if count % 2:
            clinic.cast.post("boris", clinic.thread, f"{len(clinic.archive())} from the page")
        else:
            chen.say(f"{len(clinic.archive())} from an app")
            settle([chen], lambda: not chen.outbox, 60)
        if count % 10 == 5:
            clinic.cast.note("boris", clinic.thread, f"between staff {len(clinic.archive())}")


def connects(app: ChatApp, clinic: LiveClinic, name: str, port: int | None = None) -> None:
    url = f"ws://127.0.0.1:{port or clinic.server.layout.xmpp_http_port}/xmpp-websocket"
    app.does("connect", jid=f"{clinic.cast.handle(name)}@localhost", password="secret", url=url)


def joins(app: ChatApp, clinic: LiveClinic) -> None:
    """Joins what the app finds among its bookmarks, without history, as apps do that know archives."""
    [bookmark] = app.does("bookmarks")
    assert bookmark["autoJoin"] and bookmark["jid"] == clinic.room
    assert "110" in app.does("join", room=bookmark["jid"], nick=bookmark["nick"], history=0)


def catches_up(app: ChatApp, clinic: LiveClinic, known: str | None) -> list[str]:
    pages: list[list[dict[str, Any]]] = app.does("catchUp", room=clinic.room, known=known, size=PAGE)
    assert all(len(page) == PAGE for page in pages[:-1])
    return [one["id"] for page in pages for one in page]


def live(app: ChatApp) -> list[str]:
    """Returns the archive ids of what the app heard live."""
    return [one["id"] for one in app.heard]


def hears(app: ChatApp, clinic: LiveClinic, number: int) -> None:
    """Waits until the app has heard so many live, which must be the newest of the log."""
    eventually(lambda: len(app.heard) >= number, 60, f"{number} messages")
    assert live(app) == log_of(clinic)[-number:]


@pytest.mark.parametrize("ends", ["in good order", "by a kill"])
def test_an_app_that_was_closed_catches_up_from_what_it_knows(clinic: LiveClinic, ends: str) -> None:
    chen, app = clinic.member("chen"), ChatApp()
    with app:
        connects(app, clinic, "ana")
        joins(app, clinic)
        known = catches_up(app, clinic, None)
        assert known == log_of(clinic)
        says(clinic, chen, 4)
        app.does("say", room=clinic.room, text="from the app", id="a1")
        hears(app, clinic, 5)
        known += live(app)
        if ends == "in good order":
            app.does("leave")
    says(clinic, chen, AWAY_FOR)
    with ChatApp() as again:
        connects(again, clinic, "ana")
        joins(again, clinic)
        missed = catches_up(again, clinic, known[-1])
        assert len(missed) == AWAY_FOR and not again.heard
        says(clinic, chen, 2)
        hears(again, clinic, 2)
        whole = log_of(clinic)
        assert known + missed + live(again) == whole == catches_up(again, clinic, None)
        assert len(log_of(clinic, staff=True)) > len(whole)  # the control: there was something for staff only


def is_cut_off(app: ChatApp, clinic: LiveClinic, network: Network, writer: Member) -> None:
    """Ana's app is in the thread, has heard three texts, and has noticed that its connection is gone."""
    connects(app, clinic, "ana", network.port)
    joins(app, clinic)
    says(clinic, writer, 3)
    hears(app, clinic, 3)
    network.cut()
    eventually(lambda: "disconnected" in app.happened, 60, "the app notices")


def test_an_app_whose_connection_was_cut_hears_all_that_came_meanwhile(clinic: LiveClinic) -> None:
    chen = clinic.member("chen")
    with Network(clinic.server.layout.xmpp_http_port) as network, ChatApp() as app:
        is_cut_off(app, clinic, network, chen)
        says(clinic, chen, AWAY_FOR)
        network.mend()
        eventually(lambda: "resumed" in app.happened, 60, "the app resumes its session")
        hears(app, clinic, 3 + AWAY_FOR)
        assert app.happened.count("started") == 1  # the same session, and nobody joined anew
        assert catches_up(app, clinic, live(app)[-1]) == []


def test_an_app_that_cannot_resume_joins_anew_and_catches_up(clinic: LiveClinic) -> None:
    chen = clinic.member("chen")
    with Network(clinic.server.layout.xmpp_http_port) as network, ChatApp() as app:
        is_cut_off(app, clinic, network, chen)
        clinic.db.perform(clinic.cast.dina, "account.deactivate", clinic.cast.uid("ana"))  # ends the session that sleeps
        clinic.db.perform(clinic.cast.dina, "account.activate", clinic.cast.uid("ana"))
        handle = clinic.cast.handle("ana")
        eventually(lambda: not any(address.startswith(handle) for address in clinic.live()), 60, "the session has ended")
        eventually(lambda: not clinic.waiting("threads", name="xmpp.disconnect"), 60, "the server has said so")
        known = log_of(clinic)[-1]
        says(clinic, chen, AWAY_FOR)
        network.mend()
        eventually(lambda: app.happened.count("started") == 2, 60, "the app begins a new session")
        missed = catches_up(app, clinic, known)
        assert missed == log_of(clinic)[-AWAY_FOR:] and "resumed" not in app.happened


def test_whose_membership_ended_meanwhile_gets_nothing(clinic: LiveClinic) -> None:
    boris = clinic.member("boris")
    with ChatApp() as app:
        connects(app, clinic, "chen")
        joins(app, clinic)
        known = catches_up(app, clinic, None)
        assert known == log_of(clinic, staff=True)
        app.does("leave")
    link = {"coordinator": clinic.cast.uid("chen"), "practitioner": clinic.cast.uid("boris")}
    clinic.db.perform(clinic.cast.dina, "link.coordinator_remove", **link)
    clinic.cast.post("ana", clinic.thread, "not for Chen any more")
    settle([boris], lambda: len(boris.order) == 2, 60)
    eventually(lambda: not clinic.waiting("bookmarks"), 60, "the bookmarks are kept")
    with ChatApp() as again:
        connects(again, clinic, "chen")
        assert again.does("bookmarks") == []
        for order in ({"order": "catchUp", "known": known[-1], "size": PAGE}, {"order": "join", "nick": "Chen Cheng", "history": 20}, {"order": "features"}):
            with pytest.raises(Refused, match="item-not-found|registration-required|not-found"):
                again.does(order.pop("order"), room=clinic.room, **order)
        assert again.heard == []


def test_an_app_finds_in_the_room_what_it_needs_to_catch_up(clinic: LiveClinic) -> None:
    with ChatApp() as app:
        connects(app, clinic, "ana")
        said = app.does("features", room=clinic.room)
        assert {"urn:xmpp:mam:2", "urn:xmpp:mam:2#extended", "urn:xmpp:sid:0", "http://jabber.org/protocol/muc#stable_id"} <= set(said["features"])
        assert said["identities"][0]["name"] == "Boris Brandt"
