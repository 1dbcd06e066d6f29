"""The real application on a migrated database with the cast, each with a password."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask

from clinic import Actor, Config, Database
from clinic.account.views import login_record
from tests.support.cast import NAMES, Cast
from tests.support.databases import DATABASES
from tests.support.stripe_stand_in import KEY, StripeStandIn
from tests.web.browser import Browser
from web.app import create_app
from web.db import clinic_db, close
from web.gateways.stripe import StripeProvider
from web.passwords import hash_password

PASSWORD = "seven quiet rivers"


@pytest.fixture(scope="session")
def hashed() -> str:
    return hash_password(PASSWORD)


def config_of(folder: Path, original: str | None = None) -> Config:
    """Describe a clinic in `folder`, its database empty of rows or made from `original`."""
    return Config(
        data=folder,
        database_url=DATABASES.copied(original, folder) if original else DATABASES.migrated(folder),
        domain="clinic.example",
        base_port=8600,
        host="127.0.0.1",
        public_url="http://localhost:8600",
        https_url="https://localhost:8601",
        pepper=b"p" * 32,
        flask_key="k" * 64,
        component_secret="c" * 64,
        internal_token="i" * 64,
        files_key=b"f" * 32,
    )


@pytest.fixture(scope="session")
def peopled(tmp_path_factory: pytest.TempPathFactory, hashed: str) -> str:
    """A database to copy from: the cast, each with a password."""
    config = config_of(tmp_path_factory.mktemp("cast"))
    opened = Database.open(config.database_url, run_dir=config.run_dir, pepper=config.pepper)
    made = Cast.in_(opened)
    for person in NAMES:
        invited = opened.perform(Actor.system(), "account.invite", made.uid(person)).value
        opened.perform(Actor.anonymous(), "account.accept_invitation", token=invited.token, password_hash=hashed)
    return DATABASES.kept(opened.engine)


def opened_app(config: Config) -> Iterator[Flask]:
    made = create_app(config)
    yield made
    close(made)


@pytest.fixture
def config(tmp_path: Path, peopled: str) -> Config:
    return config_of(tmp_path, peopled)


@pytest.fixture
def app(config: Config) -> Iterator[Flask]:
    """A clinic with the cast."""
    yield from opened_app(config)


@pytest.fixture
def empty_app(tmp_path: Path) -> Iterator[Flask]:
    """A clinic without any account."""
    yield from opened_app(config_of(tmp_path / "empty"))


@pytest.fixture
def database(app: Flask) -> Database:
    with app.app_context():
        return clinic_db()


@pytest.fixture
def cast(database: Database) -> Cast:
    actors = {}
    for name, (_, role, _) in NAMES.items():
        with database.read(Actor.anonymous()) as work:
            record = login_record(work, f"{name}@clinic.example")
        assert record is not None
        actors[name] = Actor.page(record.account_uid, role, f"session-of-{name}")
    return Cast(database, **actors)


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clinic's clock stands still: a wait of two seconds is not over because the machine is busy."""
    at = datetime.now(UTC)
    monkeypatch.setattr(Database, "now", lambda self: at)


@pytest.fixture
def browser(app: Flask) -> Browser:
    return Browser(app)


@pytest.fixture
def sign_in(app: Flask, cast: Cast) -> Callable[[str], Browser]:
    """Return a function that gives somebody's signed-in browser."""

    def enter(name: str) -> Browser:
        browser = Browser(app)
        assert browser.log_in(f"{name}@clinic.example", PASSWORD).status_code == 303
        return browser

    return enter


@pytest.fixture
def stand() -> Iterator[StripeStandIn]:
    """A stand-in for Stripe that listens."""
    with StripeStandIn() as running:
        yield running


@pytest.fixture
def provider(stand: StripeStandIn) -> StripeProvider:
    """The clinic's way to it, less patient than in earnest."""
    return StripeProvider(KEY, stand.url, timeout=1.0)
