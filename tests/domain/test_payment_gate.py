"""Payment requests and the gate: what waits for the patient's answer, what it holds back, and what lifts it. Source: product.md, Payment."""

from __future__ import annotations

import uuid

import pytest
import sqlalchemy as sa

from clinic import Actor, Call, Database, errors
from clinic.account.tables import accounts
from clinic.payment import gate
from clinic.payment.tables import payment_requests, services
from clinic.payment.views import waiting
from clinic.text.scheduled import scheduled
from clinic.thread.tables import threads
from clinic.thread.views import let_send, thread_page
from tests.support.cast import Cast
from tests.support.paying import SYSTEM, ask, decide, service, state


@pytest.fixture
def thread(cast: Cast) -> str:
    return cast.start("boris", "ana")


def held(cast: Cast, by: str, thread: str) -> bool:
    """Whether a text of somebody is held back."""
    try:
        cast.post(by, thread, "hello", uuid.uuid4().hex)
    except errors.Gated:
        return True
    return False


def test_whoever_asks_before_anything_is_sent_hears_what_sending_would(database: Database, cast: Cast, thread: str) -> None:
    def words(of: str) -> str:
        with pytest.raises(errors.DomainError) as refused, database.read(getattr(cast, of)) as work:
            let_send(work, thread)
        return refused.value.text

    def passes(of: str) -> bool:
        with database.read(getattr(cast, of)) as work:
            let_send(work, thread)
        return True

    assert passes("ana")
    ask(cast, "boris", thread, service(cast))
    with pytest.raises(errors.Gated) as sent:
        cast.post("ana", thread, "while it waits")
    assert words("ana") == sent.value.text
    assert passes("boris") and passes("chen")
    assert words("eve") == words("ada") == errors.NotFound.default
    decide(cast, "ana", thread)
    assert passes("ana")


@pytest.mark.parametrize("decision", ["accept", "reject"])
def test_a_patient_cannot_send_until_they_have_decided(database: Database, cast: Cast, thread: str, decision: str) -> None:
    cast.post("ana", thread, "before")
    request = ask(cast, "boris", thread, service(cast))
    with pytest.raises(errors.Gated, match=r"Boris Brandt's payment request \(Consultation, 50\.00 EUR\) waits for your answer") as refused:
        cast.post("ana", thread, "while it waits")
    assert refused.value.thread == thread and {one.values["decision"] for one in refused.value.asks} == {"accept", "reject"}
    cast.post("boris", thread, "staff are never held back")
    decide(cast, "ana", thread, decision)
    assert state(database, request) == f"{decision}ed"
    cast.post("ana", thread, "after")


def test_what_was_sent_before_may_come_again(cast: Cast, thread: str) -> None:
    first = cast.post("ana", thread, "before", "id-1")
    ask(cast, "boris", thread, service(cast))
    assert cast.post("ana", thread, "before", "id-1") == first


def test_it_holds_in_every_thread_with_the_requester_and_in_no_other(database: Database, cast: Cast, thread: str) -> None:
    cast.link("ana", "bella")
    with_bella = cast.start("bella", "ana")
    both = database.perform(cast.bella, "group.create", title="Both", people=[cast.uid("ana"), cast.uid("boris"), cast.uid("ada")],
                            reason="Care together").value
    ask(cast, "boris", thread, service(cast))
    assert held(cast, "ana", thread) and held(cast, "ana", both)
    assert not held(cast, "ana", with_bella) and not held(cast, "ada", both)
    with database.read(cast.ana) as work:
        assert (found := waiting(work, both)) is not None and found.thread == thread
        assert waiting(work, with_bella) is None
    decide(cast, "ana", both, "reject")  # where it holds, it can be answered
    assert not held(cast, "ana", thread) and not held(cast, "ana", both)


def test_a_coordinators_request_holds_for_the_practitioner_whom_they_assist(database: Database, cast: Cast, thread: str) -> None:
    group = database.perform(cast.boris, "group.create", title="Group", people=[cast.uid("ana"), cast.uid("bella")]).value
    ask(cast, "chen", group, service(cast))
    assert held(cast, "ana", thread) and held(cast, "ana", group)


def test_nothing_else_is_held_back(database: Database, cast: Cast, thread: str) -> None:
    mine = cast.post("ana", thread, "to be taken back")
    theirs = cast.post("boris", thread, "read me")
    ask(cast, "boris", thread, service(cast))
    database.perform(cast.ana, "text.retract", thread, entry=mine, client_id="r")
    database.perform(cast.ana, "thread.mark", thread, entry=theirs, state="read")
    database.perform(cast.ana, "thread.mute", thread, muted=True)
    for action, values in (
        ("text.correct", {"body": "new", "client_id": "c"}),
        ("text.react", {"emojis": "👍", "entry": theirs, "client_id": "e"}),
        ("text.schedule", {"body": "later", "at": "2027-01-01 09:00", "client_id": "s"}),
    ):
        with pytest.raises(errors.Gated):
            database.perform(cast.ana, action, thread, **values)


def test_an_urgent_call_suspends_it_where_it_was_made_until_staff_resolve_it(database: Database, cast: Cast, thread: str) -> None:
    group = database.perform(cast.boris, "group.create", title="Group", people=[cast.uid("ana")]).value
    ask(cast, "boris", thread, service(cast))
    database.perform(cast.ana, "urgent.call", thread, words="My chest hurts", client_id="u")
    assert not held(cast, "ana", thread) and held(cast, "ana", group)
    database.perform(cast.boris, "urgent.resolve", thread)
    assert held(cast, "ana", thread)


def test_a_scheduled_text_waits_for_its_author_where_it_is_held(database: Database, cast: Cast, thread: str) -> None:
    uid = database.perform(cast.ana, "text.schedule", thread, body="later", at=(database.now()).replace(year=2027).isoformat(), client_id="s").value
    ask(cast, "boris", thread, service(cast))
    with database.writing() as connection:
        connection.exec_driver_sql("UPDATE scheduled_texts SET due_at = created_at")
    assert database.perform(SYSTEM, "text.deliver_scheduled", thread, scheduled=uid).value is False
    with database.read(cast.ana) as work:
        [kept] = scheduled(work, thread)
    assert kept.body == "later" and "Accept or reject it first" in (kept.refused or "")
    with pytest.raises(errors.Gated):
        database.perform(cast.ana, "text.send_scheduled", thread, scheduled=uid)
    decide(cast, "ana", thread)
    database.perform(cast.ana, "text.send_scheduled", thread, scheduled=uid)


def test_no_new_thread_begins_with_the_requester(database: Database, cast: Cast) -> None:
    cast.link("ada", "boris")
    group = database.perform(cast.boris, "group.create", title="Group", people=[cast.uid("ada")]).value
    ask(cast, "boris", group, service(cast))
    with pytest.raises(errors.Gated):
        cast.start("ada", "boris")
    decide(cast, "ada", group)
    cast.start("ada", "boris")


def test_the_same_answer_again_is_one_and_another_is_refused(database: Database, cast: Cast, thread: str) -> None:
    request = ask(cast, "boris", thread, service(cast))
    decide(cast, "ana", thread, "accept", request)
    decide(cast, "ana", thread, "accept", request)
    with pytest.raises(errors.Conflict):
        decide(cast, "ana", thread, "reject", request)
    with pytest.raises(errors.Conflict):
        database.perform(cast.boris, "payment.withdraw", thread, request=request)


def test_staff_withdraw_what_was_not_answered(database: Database, cast: Cast, thread: str) -> None:
    request = ask(cast, "boris", thread, service(cast))
    database.perform(cast.chen, "payment.withdraw", thread, request=request)
    assert state(database, request) == "withdrawn" and not held(cast, "ana", thread)
    with pytest.raises(errors.Conflict):
        decide(cast, "ana", thread, "accept", request)
    another = ask(cast, "boris", thread, service(cast, "Report"))
    database.perform(cast.dina, "payment.withdraw", thread, request=another)
    assert state(database, another) == "withdrawn"


@pytest.mark.parametrize("ending", ["deactivated", "unlinked", "requester unlinked", "patient removed", "requester left", "closed"])
def test_it_withdraws_by_itself(database: Database, cast: Cast, thread: str, ending: str) -> None:
    group = database.perform(cast.bella, "group.create", title="Group", people=[cast.uid("ana"), cast.uid("boris")], reason="Care").value
    request = ask(cast, "chen" if ending == "requester unlinked" else "boris", group, service(cast))
    assert held(cast, "ana", thread)
    if ending == "deactivated":
        database.perform(cast.dina, "account.deactivate", cast.uid("boris"))
    elif ending == "unlinked":
        database.perform(cast.dina, "link.patient_remove", patient=cast.uid("ana"), practitioner=cast.uid("boris"))
    elif ending == "requester unlinked":
        database.perform(cast.dina, "link.coordinator_remove", coordinator=cast.uid("chen"), practitioner=cast.uid("boris"))
    elif ending == "patient removed":
        database.perform(cast.bella, "group.remove", group, person=cast.uid("ana"))
    elif ending == "requester left":
        database.perform(cast.boris, "thread.leave", group)
    else:
        database.perform(cast.bella, "group.close", group)
    assert state(database, request) == "withdrawn"
    assert not held(cast, "ana", thread)


@pytest.mark.parametrize(("who", "other"), [("boris", "ana"), ("ana", "chen")])
def test_that_it_withdrew_with_an_account_blames_neither_who_asked_nor_who_was_asked(cast: Cast, thread: str, who: str, other: str) -> None:
    ask(cast, "boris", thread, service(cast))
    cast.database.perform(cast.dina, "account.deactivate", cast.uid(who))
    with cast.database.read(getattr(cast, other)) as work:
        said = [entry.body for entry in thread_page(work, thread).entries if entry.kind == "payment-decision"]
    assert len(said) == 1 and "The account of who asked, or was asked, is closed." in said[0]


def test_the_same_is_not_asked_twice(cast: Cast, thread: str) -> None:
    wanted = service(cast)
    ask(cast, "boris", thread, wanted)
    with pytest.raises(errors.Conflict, match="has not answered yet"):
        ask(cast, "chen", thread, wanted)


def test_another_amount_only_where_the_service_allows_one(cast: Cast, thread: str) -> None:
    fixed, free = service(cast), service(cast, "Report", price_may_change="yes")
    with pytest.raises(errors.Invalid, match="cannot be changed"):
        ask(cast, "boris", thread, fixed, amount="20")
    with pytest.raises(errors.Invalid, match="2 decimal places"):
        ask(cast, "boris", thread, free, amount="20.000")
    ask(cast, "boris", thread, free, amount="20,50")


def test_a_patient_who_is_asked_cannot_ask_to_be_let_into_another_thread_with_the_requester(database: Database, cast: Cast, thread: str) -> None:
    group = database.perform(cast.boris, "group.create", title="Group", people=[cast.uid("ada")], reason="Care").value
    token = database.perform(cast.boris, "group.share", group).value.token
    ask(cast, "boris", thread, service(cast))
    with pytest.raises(errors.Gated):
        database.perform(cast.ana, "group.ask", token=token)
    decide(cast, "ana", thread, "reject")
    assert database.perform(cast.ana, "group.ask", token=token).value == "asked"


def test_what_waits_to_be_sent_already_is_no_refusal_when_it_comes_again(database: Database, cast: Cast, thread: str) -> None:
    values = {"body": "later", "at": database.now().replace(year=2027).isoformat(), "client_id": "s"}
    uid = database.perform(cast.ana, "text.schedule", thread, **values).value
    ask(cast, "boris", thread, service(cast))
    assert database.perform(cast.ana, "text.schedule", thread, **values).value == uid
    with pytest.raises(errors.Gated):
        database.perform(cast.ana, "text.schedule", thread, **(values | {"client_id": "another"}))
    with pytest.raises(errors.Gated):
        database.perform(cast.ana, "text.reschedule", thread, scheduled=uid, at=values["at"], body="other words")
    database.perform(cast.ana, "text.unschedule", thread, scheduled=uid)


def test_who_puts_the_thread_away_is_held_back_when_they_come_back(database: Database, cast: Cast, thread: str) -> None:
    request = ask(cast, "boris", thread, service(cast))
    database.perform(cast.ana, "thread.leave", thread)
    assert cast.start("ana", "boris") == thread  # they have this thread: none begins
    assert held(cast, "ana", thread) and state(database, request) == "open"
    with database.read(cast.ana) as work:
        assert waiting(work, thread) is not None
    decide(cast, "ana", thread)
    assert not held(cast, "ana", thread)


def test_who_is_brought_back_into_a_group_is_not_held_back_by_what_was_withdrawn(database: Database, cast: Cast, thread: str) -> None:
    group = database.perform(cast.boris, "group.create", title="Group", people=[cast.uid("ana"), cast.uid("bella")]).value
    ask(cast, "bella", group, service(cast))
    assert held(cast, "ana", group) and not held(cast, "ana", thread)
    database.perform(cast.boris, "group.remove", group, person=cast.uid("bella"))
    database.perform(cast.boris, "thread.invite", group, people=[cast.uid("bella")])
    assert not held(cast, "ana", group)


def test_a_coordinator_who_assists_nobody_in_the_thread_asks_for_nothing(database: Database, cast: Cast) -> None:
    cast.link("ana", "bella")
    thread = cast.start("bella", "ana")
    database.perform(cast.bella, "thread.invite", thread, people=[cast.uid("chen")])
    with pytest.raises(errors.Invalid, match="whom you assist in this thread"):
        ask(cast, "chen", thread, service(cast))


def test_several_in_one_transaction_are_held_each_by_their_own(database: Database, cast: Cast, thread: str) -> None:
    cast.link("ada", "boris")
    other = cast.start("boris", "ada")
    ask(cast, "boris", thread, service(cast))
    posts = [("ada", other), ("ana", thread), ("boris", thread), ("ada", other), ("ana", thread)]
    calls = [Call(Actor.xmpp(cast.handle(name)), "text.post", place, {"body": "hello", "client_id": f"batch {number}"})
             for number, (name, place) in enumerate(posts)]
    assert [isinstance(result, errors.Gated) for result in database.batch(calls, 5.0)] == [False, True, False, False, True]


def test_what_the_gate_asks_is_answered_by_the_index_of_open_requests(database: Database, cast: Cast, thread: str) -> None:
    """The open ones are few; all requests that there ever were are not looked through for each message."""
    wanted = [service(cast, f"Service {number}") for number in range(3)]
    with database.writing() as connection:
        asked = ask_many(connection, database, cast, thread, wanted, 3000)
    assert asked
    statement = gate._OPEN._select([sa.bindparam("key_0", 1), sa.bindparam("key_1", 2)])  # as the gate asks it
    with database.reading() as connection:
        text = str(statement.compile(connection, compile_kwargs={"literal_binds": True}))
        how = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
        plan = " ".join(str(row) for row in connection.exec_driver_sql(f"{how} {text}").all())
    assert "ix_payment_requests_open" in plan, plan


def ask_many(connection: sa.Connection, database: Database, cast: Cast, thread: str, wanted: list[str], many: int) -> int:
    """Store many requests that were answered, and let the database learn how many there are."""
    of = {name: connection.execute(sa.select(accounts.c.id).where(accounts.c.uid == cast.uid(name))).scalar_one() for name in ("ana", "boris")}
    place = connection.execute(sa.select(threads.c.id).where(threads.c.uid == thread)).scalar_one()
    chosen = connection.execute(sa.select(services.c.id).where(services.c.uid == wanted[0])).scalar_one()
    rows = [
        {
            "id": number + 1, "uid": f"{number:026d}", "thread_id": place, "entry_uid": "0" * 26, "addressee_id": of["ana"], "requester_id": of["boris"],
            "practitioner_id": of["boris"], "service_id": chosen, "service": "x", "description": "", "tax_note": "", "amount_minor": 1,
            "currency": "EUR", "state": "paid", "created_at": database.now(), "refunded_minor": 0,
        }
        for number in range(many)
    ]
    connection.execute(payment_requests.insert(), rows)
    connection.exec_driver_sql("ANALYZE payment_requests")
    return len(rows)


def test_the_same_request_comes_again_as_one_and_another_amount_under_its_id_is_refused(database: Database, cast: Cast, thread: str) -> None:
    free = service(cast, "Report", price_may_change="yes")
    database.perform(cast.boris, "payment.request", thread, service=free, amount="20.50", client_id="once")
    again = database.perform(cast.boris, "payment.request", thread, service=free, amount="20,5", client_id="once")
    assert again.duplicate
    with pytest.raises(errors.Conflict, match="under the same id"):
        database.perform(cast.boris, "payment.request", thread, service=free, amount="30", client_id="once")


def test_nobody_is_asked_whose_account_is_closed(database: Database, cast: Cast, thread: str) -> None:
    database.perform(cast.dina, "account.deactivate", cast.uid("ana"))
    with pytest.raises(errors.Conflict, match="The account of Ana Alvarez is closed"):
        ask(cast, "boris", thread, service(cast))
