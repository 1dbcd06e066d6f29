"""Accounts: invitations, login sessions, devices, the failure counter, the audit log."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from clinic import Actor, Database, Role, errors, outbox
from clinic.account import people, views
from clinic.account.attempts import login_wait
from clinic.account.sweep import expire, sweep
from clinic.account.tables import accounts, devices, login_failures
from clinic.audit.seal import seal, verify
from clinic.audit.tables import audit_entries, denials
from tests.support.cast import Cast

ANYBODY = Actor.anonymous()
HASH = "$argon2id$not-a-real-one"


class Clock:
    """A clock that a test sets forward."""

    def __init__(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead = timedelta()
        real = database.now
        monkeypatch.setattr(database, "now", lambda: real() + self.ahead)


@pytest.fixture
def clock(database: Database, monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(database, monkeypatch)


def has_password(database: Database, name: str) -> bool:
    with database.read(ANYBODY) as work:
        record = views.login_record(work, f"{name}@clinic.example")
    return record is not None and record.password_hash == HASH


def sign_in(database: Database, cast: Cast, name: str) -> tuple[str, Actor]:
    invited = database.perform(cast.dina, "account.invite", cast.uid(name)).value
    if not has_password(database, name):
        database.perform(ANYBODY, "account.accept_invitation", token=invited.token, password_hash=HASH)
    values = {"account_uid": cast.uid(name), "checked_hash": HASH, "user_agent": "test"}
    started = database.perform(ANYBODY, "login.begin", **values).value
    return started.token, replace(getattr(cast, name), session=started.uid)


def live(database: Database, token: str) -> bool:
    with database.read(ANYBODY) as work:
        return views.session(work, token) is not None


def test_an_invitation_sets_a_password_once(database: Database, cast: Cast) -> None:
    invited = database.perform(cast.dina, "account.invite", cast.uid("ana")).value
    with database.read(ANYBODY) as work:
        shown = views.invitation(work, invited.token)
        assert shown is not None and shown.name == "Ana Alvarez"
    database.perform(ANYBODY, "account.accept_invitation", token=invited.token, password_hash="$hash")
    with database.read(ANYBODY) as work:
        record = views.login_record(work, " ANA@clinic.example ")
        assert record is not None and record.password_hash == "$hash"
    with pytest.raises(errors.Expired):
        database.perform(ANYBODY, "account.accept_invitation", token=invited.token, password_hash="$other")


def test_a_newer_invitation_ends_the_older_and_time_ends_both(database: Database, cast: Cast, clock: Clock) -> None:
    old = database.perform(cast.dina, "account.invite", cast.uid("ana")).value.token
    new = database.perform(cast.dina, "account.invite", cast.uid("ana")).value.token
    with database.read(ANYBODY) as work:
        assert views.invitation(work, old) is None
        assert views.invitation(work, new) is not None
    clock.ahead = timedelta(days=8)
    with pytest.raises(errors.Expired):
        database.perform(ANYBODY, "account.accept_invitation", token=new, password_hash="$hash")


def test_only_an_admin_manages_accounts(database: Database, cast: Cast) -> None:
    for name in ("ana", "boris", "chen"):
        with pytest.raises(errors.NotPermitted):
            database.perform(getattr(cast, name), "account.deactivate", cast.uid("ada"))
    with pytest.raises(errors.NotSignedIn):
        database.perform(ANYBODY, "account.deactivate", cast.uid("ada"))


def test_a_taken_email_and_a_patient_without_birth_date_are_refused(database: Database, cast: Cast) -> None:
    with pytest.raises(errors.Conflict):
        database.perform(cast.dina, "account.create", name="X", email="Ana@clinic.example", roles="admin")
    with pytest.raises(errors.Invalid) as refusal:
        database.perform(cast.dina, "account.create", name="X", roles="patient")
    assert refusal.value.field == "birth_date"


def test_nobody_is_born_later_than_today_by_the_clinics_own_clock(database: Database, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "now", lambda: datetime(2027, 12, 31, 23, 30, tzinfo=UTC))
    newborn = {"name": "Nils Nord", "email": None, "birth_date": "2028-01-01"}
    correct = (cast.dina, "account.describe", cast.uid("ana"))
    for refused in ((cast.dina, "account.create"), correct):
        with pytest.raises(errors.Invalid, match="not possible") as refusal:
            database.perform(*refused, **newborn, **({"roles": "patient"} if len(refused) == 2 else {}))
        assert refusal.value.field == "birth_date"
    database.perform(cast.dina, "clinic.describe", clinic_name="Haven", emergency_number="112", time_zone="Europe/Berlin")
    database.perform(cast.dina, "account.create", **newborn, roles="patient")
    database.perform(*correct, **newborn)
    with pytest.raises(errors.Invalid, match="not possible"):
        database.perform(*correct, **newborn | {"birth_date": "2028-01-02"})


@pytest.mark.parametrize(("name", "idle", "whole"), [("boris", 15, 12 * 60), ("ana", 30, 24 * 60)])
def test_a_session_ends_when_idle_or_old(
    database: Database, cast: Cast, clock: Clock, name: str, idle: int, whole: int
) -> None:
    token, actor = sign_in(database, cast, name)
    clock.ahead = timedelta(minutes=idle - 1)
    assert live(database, token)
    database.perform(actor, "login.seen", session_uid=actor.session)
    clock.ahead = timedelta(minutes=2 * idle - 2)
    assert live(database, token)
    clock.ahead = timedelta(minutes=2 * idle)
    assert not live(database, token)
    clock.ahead = timedelta(minutes=whole - 1)
    database.perform(actor, "login.seen", session_uid=actor.session)
    assert live(database, token)
    clock.ahead = timedelta(minutes=whole + 1)
    assert not live(database, token)


def test_logging_out_and_deactivation_end_sessions_and_page_tokens(database: Database, cast: Cast) -> None:
    token, actor = sign_in(database, cast, "ana")
    other, _ = sign_in(database, cast, "ana")
    with database.read(actor) as work:
        page_token, handle = views.page_token(work), views.me(work).handle
    with database.read(Actor.system()) as work:
        assert views.check_page_token(work, handle, page_token) == actor.session
        assert views.check_page_token(work, cast.handle("ada"), page_token) is None
        assert views.check_page_token(work, handle, page_token + "0") is None
    database.perform(actor, "login.end")
    assert (live(database, token), live(database, other)) == (False, True)
    with database.read(Actor.system()) as work:
        assert views.check_page_token(work, handle, page_token) is None
    database.perform(cast.dina, "account.deactivate", cast.uid("ana"))
    assert not live(database, other)


def test_a_login_whose_password_was_changed_meanwhile_is_refused(database: Database, cast: Cast) -> None:
    _, actor = sign_in(database, cast, "ana")
    database.perform(actor, "account.change_password", password_hash="$other")
    with pytest.raises(errors.NotFound):
        database.perform(ANYBODY, "login.begin", account_uid=cast.uid("ana"), checked_hash=HASH)


def test_a_session_that_is_over_is_ended_with_its_live_connection(
    database: Database, cast: Cast, clock: Clock
) -> None:
    _, actor = sign_in(database, cast, "boris")
    outbox.claim(database, "threads")
    assert expire(database) == 0
    clock.ahead = timedelta(minutes=16)
    assert expire(database) == 1
    assert expire(database) == 0
    devices = [job.payload.get("device") for job in outbox.claim(database, "threads")]
    assert f"page:{actor.session}" in devices


def test_a_one_time_link_used_by_several_at_once_works_for_one(database: Database, cast: Cast) -> None:
    token = database.perform(cast.dina, "account.invite", cast.uid("ana")).value.token

    def accept(number: int) -> bool:
        try:
            database.perform(ANYBODY, "account.accept_invitation", token=token, password_hash=f"$hash{number}")
        except errors.Expired:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(accept, range(4))) == [False, False, False, True]


def test_failures_at_once_are_all_counted(database: Database, cast: Cast) -> None:
    database.perform(ANYBODY, "login.failed", keys=["both:k"])
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: database.perform(ANYBODY, "login.failed", keys=["both:k"]), range(6)))
    with database.reading() as connection:
        assert connection.scalar(sa.select(login_failures.c.failures)) == 7


def test_what_is_made_while_an_account_is_closed_is_closed_with_it(database: Database, cast: Cast) -> None:
    def mint(number: int) -> None:
        with contextlib.suppress(errors.NotSignedIn):
            database.perform(cast.ana, "device.mint", name=f"Phone {number}")

    open_device = sa.and_(devices.c.account_id == accounts.c.id, devices.c.revoked_at.is_(None))
    for number in range(15):
        with ThreadPoolExecutor(2) as pool:
            made = pool.submit(mint, number)
            closed = pool.submit(database.perform, cast.dina, "account.deactivate", cast.uid("ana"))
            made.result()
            closed.result()
        with database.reading() as connection:
            assert connection.execute(sa.select(devices.c.name).where(open_device, accounts.c.uid == cast.uid("ana"))).all() == []
        database.perform(cast.dina, "account.activate", cast.uid("ana"))


def test_a_page_token_lives_one_minute(database: Database, cast: Cast, clock: Clock) -> None:
    _, actor = sign_in(database, cast, "ana")
    with database.read(actor) as work:
        page_token, handle = views.page_token(work), views.me(work).handle
    clock.ahead = timedelta(seconds=62)
    with database.read(Actor.system()) as work:
        assert views.check_page_token(work, handle, page_token) is None


def test_a_device_password_works_for_its_owner_until_revoked(database: Database, cast: Cast) -> None:
    minted = database.perform(cast.ana, "device.mint", name="Phone").value
    with database.read(Actor.system()) as work:
        found = views.check_device(work, minted.handle, minted.password)
        assert found is not None and not found.revoked
        assert views.check_device(work, cast.handle("ada"), minted.password) is None
        assert views.check_device(work, minted.handle, "wrong") is None
    with pytest.raises(errors.NotFound):
        database.perform(cast.ada, "device.revoke", minted.uid)
    database.perform(cast.ana, "device.revoke", minted.uid)
    with database.read(Actor.system()) as work:
        found = views.check_device(work, minted.handle, minted.password)
        assert found is not None and found.revoked
    jobs = outbox.claim(database, "threads")
    assert [(job.name, job.payload["device"]) for job in jobs if "device" in job.payload] == [
        ("xmpp.disconnect", minted.uid)
    ]


def test_an_admin_without_a_care_role_mints_no_device(database: Database, cast: Cast) -> None:
    with pytest.raises(errors.Conflict):
        database.perform(cast.dina, "device.mint", name="Phone")


def test_failures_slow_down_and_are_forgotten_after_a_day(database: Database, cast: Cast, clock: Clock) -> None:
    waits = [database.perform(ANYBODY, "login.failed", keys=["both:a", "both:b"]).value for _ in range(7)]
    assert waits == [0, 0, 0, 0, 2, 4, 8]
    with database.read(ANYBODY) as work:
        assert 7 < login_wait(work, ["both:b", "both:c"]) <= 8
        assert login_wait(work, ["both:c"]) == 0
    clock.ahead = timedelta(days=1, minutes=1)
    assert sweep(database) == 2
    with database.read(ANYBODY) as work:
        assert login_wait(work, ["both:a"]) == 0


def test_switching_to_a_role_one_does_not_hold_is_refused(database: Database, cast: Cast) -> None:
    _, boris = sign_in(database, cast, "boris")
    with pytest.raises(errors.NotPermitted):
        database.perform(boris, "account.switch_role", role="admin")
    with pytest.raises(errors.NotSignedIn), database.read(replace(boris, account="0" * 26)):
        pass
    with pytest.raises(errors.NotPermitted), database.read(replace(boris, role=Role.ADMIN)):
        pass


def test_the_first_account_comes_by_a_link_that_works_once(database: Database) -> None:
    token = database.perform(Actor.system(), "clinic.open_set_up").value
    later = database.perform(Actor.system(), "clinic.open_set_up").value
    values = {
        "clinic_name": "Harbour Clinic",
        "emergency_number": "112",
        "name": "Dina Dunn",
        "email": "dina@clinic.example",
        "password_hash": "$hash",
    }
    with pytest.raises(errors.Expired):
        database.perform(ANYBODY, "clinic.set_up", token=token, **values)
    database.perform(ANYBODY, "clinic.set_up", token=later, **values)
    with pytest.raises(errors.Expired):
        database.perform(ANYBODY, "clinic.set_up", token=later, **values)
    with pytest.raises(errors.Conflict):
        database.perform(Actor.system(), "clinic.open_set_up")
    with database.read(ANYBODY) as work:
        assert views.clinic_settings(work)["clinic_name"] == "Harbour Clinic"


def test_an_admin_describes_the_clinic_and_nobody_else(database: Database, cast: Cast) -> None:
    card = {"clinic_name": "Harbour Clinic", "emergency_number": "112", "time_zone": "Europe/Berlin"}
    with pytest.raises(errors.NotPermitted):
        database.perform(cast.boris, "clinic.describe", **card)
    with pytest.raises(errors.Invalid) as refusal:
        database.perform(cast.dina, "clinic.describe", **card | {"time_zone": "Europe/Nowhere"})
    assert refusal.value.field == "time_zone"
    database.perform(cast.dina, "clinic.describe", **card)
    database.perform(cast.dina, "clinic.describe", **card)
    with database.read(ANYBODY) as work:
        assert views.clinic_settings(work) == card


def test_people_are_found_by_name_and_birth_date(database: Database, cast: Cast) -> None:
    def found(who: str, query: str) -> list[str]:
        with database.read(getattr(cast, who)) as work:
            return [person.name for person in people.find_people(work, query)]

    assert found("boris", "") == ["Ana Alvarez"]
    assert found("boris", "AL") == ["Ana Alvarez", "Ada Almeida"]
    assert found("boris", "al 1991-11-02") == ["Ada Almeida"]
    assert found("boris", "2/11/1991") == ["Ada Almeida"]
    assert found("boris", "bap") == ["Bella Baptiste"]
    assert found("boris", "100%") == []
    assert found("ana", "") == found("ana", "b") == ["Boris Brandt"]
    assert found("chen", "") == ["Ana Alvarez"]
    with database.read(cast.boris) as work, pytest.raises(errors.Invalid):
        people.find_people(work, "31/2/1991")
    with database.read(cast.boris) as work, pytest.raises(errors.Invalid):
        people.find_people(work, "a\x00")
    with database.read(cast.dina) as work, pytest.raises(errors.NotPermitted):
        people.find_people(work, "ana")


def test_refusals_are_counted_and_not_listed(database: Database, cast: Cast) -> None:
    thread = cast.start("ana", "boris")
    for _ in range(3):
        with pytest.raises(errors.NotFound):
            cast.post("eve", thread, "let me in")
    with database.reading() as connection:
        rows = connection.execute(sa.select(denials).where(denials.c.action == "text.post")).all()
    assert sum(row.count for row in rows) == 3
    assert {row.code for row in rows} == {"not-found"}


def test_every_audit_row_says_by_whom_or_about_whom(database: Database, cast: Cast) -> None:
    thread = cast.start("ana", "boris")
    _, ana = sign_in(database, cast, "ana")
    minted = database.perform(ana, "device.mint", name="Phone").value
    with database.reading() as connection:
        rows = connection.execute(sa.select(audit_entries)).all()
    assert [row for row in rows if row.actor_id is None and row.subject is None] == []
    about = {row.action: row.subject for row in rows}
    assert about["thread.start"] == thread
    assert about["device.mint"] == minted.uid
    assert about["login.begin"] == about["account.accept_invitation"] == cast.uid("ana")
    assert cast.uid("dina") in {row.subject for row in rows if row.action == "account.create"}


def test_the_audit_chain_finds_every_tampering(database: Database, cast: Cast) -> None:
    cast.start("ana", "boris")
    while seal(database):
        pass
    sound = verify(database)
    assert sound.broken is None and sound.sealed > 5
    with database.writing() as connection:
        victim = connection.scalars(sa.select(audit_entries.c.id).order_by(audit_entries.c.id)).all()[3]
        connection.execute(sa.update(audit_entries).where(audit_entries.c.id == victim).values(action="nothing"))
    broken = verify(database)
    assert broken.broken == "the entry sealed at position 4 was changed"


def test_a_job_is_claimed_once_given_back_and_parked(database: Database, cast: Cast, clock: Clock) -> None:
    cast.start("ana", "boris")
    assert outbox.claim(database, "threads") == []
    clock.ahead += timedelta(minutes=1)
    jobs = outbox.claim(database, "threads")
    assert {job.name for job in jobs} == {"xmpp.invite"}
    assert outbox.claim(database, "threads") == []
    for job in jobs[1:]:
        outbox.done(database, job)
    job = jobs[0]
    for attempt in range(2, outbox.MAX_ATTEMPTS + 1):
        outbox.retry(database, job, "no answer")
        clock.ahead += timedelta(minutes=10)
        [job] = outbox.claim(database, "threads")
        assert job.attempts == attempt
    outbox.retry(database, job, "no answer")
    clock.ahead += timedelta(days=1)
    assert outbox.claim(database, "threads") == []


def test_now_is_in_utc(database: Database) -> None:
    now: datetime = database.now()
    assert now.utcoffset() == timedelta()
