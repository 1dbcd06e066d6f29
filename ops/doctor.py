"""`bedside doctor`: looks at a deployment and explains each finding. Changes nothing. Imports `clinic`'s tables through SQLAlchemy only."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import and_, create_engine, func, select, text

from clinic.account.tables import settings
from clinic.config import PAYMENTS_NAME
from clinic.file.tables import uploads
from clinic.file.uploading import State
from clinic.payment.tables import payment_attempts, refunds
from ops import certificates, configurations, database, keys, preflight
from ops.deployment import recall
from ops.layout import Layout
from ops.probes import port_open
from ops.problems import Problem
from web.gateways import keys as payment_keys

OLDEST = {"prosody": (0, 12, 0), "nginx": (1, 18, 0)}
VERSION_PATTERNS = {"prosody": r"Prosody version (\d+)\.(\d+)\.(\d+)", "nginx": r"nginx/(\d+)\.(\d+)\.(\d+)"}
LITTLE_SPACE_MB = 1000
WAITED_MINUTES = 15


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `advice` says what to do when it is not well."""

    well: bool
    what: str
    advice: str = ""


def _last_start(layout: Layout) -> str:
    """Returns what the XMPP server logged since its last start (an ordinary user cannot ask prosodyctl)."""
    log = layout.data / "log" / "xmpp.log"
    _, welcome, since = (log.read_text(errors="replace") if log.exists() else "").rpartition("Hello and welcome to ")
    return welcome + since


def _nginx_says() -> str:
    return subprocess.run([preflight.program("nginx"), "-v"], capture_output=True, text=True, check=False, timeout=30).stderr


def _programs(layout: Layout) -> Iterator[Finding]:
    for name, package in preflight.PROGRAMS.items():
        if not shutil.which(name, path=preflight.SEARCH_PATH):
            yield Finding(False, f"{name} is missing", f"Run `make setup`, or install Debian's package {package}.")
            continue
        found = re.search(VERSION_PATTERNS[name], _last_start(layout) if name == "prosody" else _nginx_says())
        version = tuple(map(int, found.groups())) if found else ()
        shown = ".".join(map(str, version)) or "unknown"
        yield Finding(version >= OLDEST[name], f"{name} {shown}", f"Bedside is tested with {'.'.join(map(str, OLDEST[name]))} and newer.")


def _private_files(layout: Layout) -> Iterator[Finding]:
    paths = [layout.data, layout.data / "secrets", *sorted((layout.data / "secrets").iterdir()), *sorted((layout.data / "ca").glob("*.key"))]
    open_ones = [str(path) for path in paths if path.stat().st_mode & 0o077]
    yield Finding(not open_ones, "secrets and keys are readable for their owner only", f"Run: chmod -R go= {' '.join(open_ones)}")
    absent = [name for name in keys.NAMES if not (layout.data / "secrets" / name).exists()]
    yield Finding(not absent, "all secrets exist", f"Missing: {', '.join(absent)}. A start makes new ones; devices and log-ins then end, files stay closed.")
    for name in keys.NAMES:
        if name not in absent:
            keys.read(layout.data / "secrets" / name)


def _payments(layout: Layout) -> Iterator[Finding]:
    try:
        found = payment_keys.read(layout.data / "secrets" / PAYMENTS_NAME)
    except payment_keys.Damaged as damaged:
        yield Finding(False, *str(damaged).split(". ", 1))
        return
    if found is None:
        yield Finding(True, "payments are taken at the desk: there are no keys")
        return
    yield Finding(True, f"payments go to {'Stripe' if found.api_base == payment_keys.API else found.api_base}, {'TEST MODE' if found.test else 'live'}")
    advice = "Without it a payment is known only when the clinic asks, which is later. Give it: bedside payments keys"
    yield Finding(bool(found.webhook_secrets), "there is a webhook secret for payments", advice)


def _receipts(_layout: Layout) -> Iterator[Finding]:
    from web.gateways import receipts  # its library takes 25 MB, for what prints receipts

    there = receipts.PLAIN.is_file() and receipts.BOLD.is_file()
    yield Finding(there, "there are fonts for receipts", f"Run `make setup`, or install Debian's package {receipts.PACKAGE}.")


def _looks(layout: Layout) -> Iterator[Finding]:
    from web.media import clamav, inspecting  # for what looks into files

    walls = inspecting.walls()
    inspecting.close()
    advice = "No files are taken until it is. Run `make setup`. In a container, let it use seccomp and fork; `bedside doctor` says when all is well."
    yield Finding(not walls.trouble, walls.trouble or "files are read by a process that reaches no network, no files and no programs", advice)
    if not walls.trouble and not walls.network:
        yield Finding(True, "this machine gives that process no network of its own; its list of system calls keeps it from the network")
    mark = layout.data / "run" / "clamd"
    where = mark.read_text().strip() if mark.exists() else ""
    if not where:
        yield Finding(True, "no virus scanner looks at files: BEDSIDE_CLAMD is not set")
    else:
        try:
            clamav.Scanner(where, 5).ping()
            yield Finding(True, "the virus scanner ClamAV answers (its StreamMaxLength should be 200M: it refuses what is larger)")
        except clamav.Away as error:
            advice = "Files wait for it. Start clamav-daemon, or start the clinic without BEDSIDE_CLAMD."
            yield Finding(False, f"the virus scanner at {where} does not answer ({error})", advice)
    engine = create_engine(layout.database)
    try:
        with database.in_words(layout.database), engine.connect() as connection:
            since = datetime.now(UTC) - timedelta(minutes=WAITED_MINUTES)
            late = and_(uploads.c.state == State.RECEIVED, uploads.c.created_at < since)
            waiting = connection.execute(select(func.count()).where(late)).scalar_one()
    finally:
        engine.dispose()
    yield Finding(waiting == 0, f"{waiting} files have waited to be looked at for {WAITED_MINUTES} minutes", f"See {layout.data / 'log' / 'worker.log'}.")


def _money(layout: Layout) -> Iterator[Finding]:
    """Yields what of payments by card should be looked at, where there are any."""
    keys_there = (layout.data / "secrets" / PAYMENTS_NAME).exists()
    since = datetime.now(UTC) - timedelta(minutes=WAITED_MINUTES)
    attempts, given = payment_attempts.c, refunds.c
    engine = create_engine(layout.database)
    try:
        with database.in_words(layout.database), engine.connect() as connection:
            by_card = connection.execute(select(settings.c.value).where(settings.c.key == "payment_provider")).scalar() not in (None, "manual")
            waiting = sum(
                connection.execute(select(func.count()).where(state == "asked", created < since)).scalar_one()
                for state, created in ((attempts.state, attempts.created_at), (given.state, given.created_at))
            )
            troubled = sum(connection.execute(select(func.count()).where(trouble != "")).scalar_one() for trouble in (attempts.trouble, given.trouble))
    finally:
        engine.dispose()
    if by_card:
        advice = "Patients who accept now cannot pay: bedside payments keys, or let an administrator choose the desk on the page Services."
        yield Finding(keys_there, "the clinic takes payments by card, and has keys for it", advice)
    if by_card or keys_there or waiting or troubled:
        advice = "They are tried again by themselves. The worker's log says why they wait: does this machine reach the card service?"
        yield Finding(waiting == 0, f"{waiting} payments or refunds have waited for the card service for {WAITED_MINUTES} minutes", advice)
        yield Finding(troubled == 0, f"{troubled} payments or refunds need a look", "The administrators' page Payments says what is the matter.")


def _files(layout: Layout) -> Iterator[Finding]:
    """Yields whether files can be stored: where uploads come in, and where they are kept unless that is elsewhere."""
    elsewhere = os.environ.get("BEDSIDE_FILES_URL", "")
    folders = [layout.data / name for name in ("uploads", *(() if elsewhere else ("files",)))]
    closed = [str(folder) for folder in folders if not os.access(folder if folder.exists() else layout.data, os.W_OK | os.X_OK)]
    advice = f"Give {' and '.join(closed)} back to the user who starts the clinic."
    yield Finding(not closed, f"files can be stored in {' and '.join(map(str, folders))}", advice)
    if elsewhere:
        yield Finding(True, f"files are kept at {elsewhere}")
    free = shutil.disk_usage(layout.data).free // 1_000_000
    advice = "Uploads are refused when it is full. Free some space, or keep files elsewhere (BEDSIDE_FILES_URL)."
    yield Finding(free > LITTLE_SPACE_MB, f"{free} MB are free for files", advice)
    open_ones = [str(folder) for folder in folders if folder.exists() and folder.stat().st_mode & 0o077]
    yield Finding(not open_ones, "people's files are readable for their owner only", f"Run: chmod go= {' '.join(open_ones)}")


def _certificate(layout: Layout) -> Iterator[Finding]:
    certificates.load(layout.data / "ca" / "ca.pem")
    found = certificates.load(layout.data / "ca" / "server.pem")
    left = certificates.days_left(found) if found else 0
    yield Finding(left > 14, f"the server certificate holds for {left:.0f} days", "Stop and start the clinic: a start renews it.")


def _disk(layout: Layout) -> Iterator[Finding]:
    free = shutil.disk_usage(layout.data).free // 1_000_000
    yield Finding(free > LITTLE_SPACE_MB, f"{free} MB are free on the disk", "Free some space: on a full disk no message is accepted.")


def _database(layout: Layout) -> Iterator[Finding]:
    with database.in_words(layout.database):
        database.check_file(layout.database)
        current, newest = database.versions(layout.database)
        yield Finding(current == newest, f"the schema is at version {current}", "Stop and start the clinic: a start migrates it.")
        engine = create_engine(layout.database)
        try:
            with engine.connect() as connection:
                if engine.dialect.name == "sqlite":
                    said = connection.execute(text("PRAGMA integrity_check")).scalars().first()
                    yield Finding(said == "ok", "the database is intact", f"SQLite says: {said}. Restore the last backup.")
                parked = connection.execute(text("SELECT count(*) FROM jobs WHERE parked_at IS NOT NULL")).scalar_one()
                yield Finding(parked == 0, f"{parked} jobs were given up", "The logs of worker and threads say why.")
        finally:
            engine.dispose()


def _xmpp(layout: Layout) -> Iterator[Finding]:
    modules = configurations.PROSODY / "modules"
    wanted = sorted({"auth_bedside", *re.findall(r'"(bedside_\w+)"', (configurations.PROSODY / "prosody.cfg.lua.template").read_text())})
    absent = [name for name in wanted if not (modules / f"mod_{name}.lua").exists()]
    yield Finding(not absent, "the XMPP server's own modules are there", f"Missing: {', '.join(absent)}. Reinstall Bedside.")
    config = layout.data / "run" / "prosody.cfg.lua"
    log = layout.data / "log" / "xmpp.log"
    started = _last_start(layout)
    refused = sorted(set(re.findall(r"(?:Error loading|Unable to load|Error initializing) module '?(\S+?)'?[ :]", started)))
    yield Finding(not refused, "the XMPP server loaded its modules", f"Not loaded: {', '.join(refused)}. See {log}.")
    off = config.exists() and bool(re.search(r'modules_disabled = \{ "s2s"', config.read_text())) and "Activated service 's2s'" not in started
    yield Finding(off, "federation with other servers is off", f"Stop and start the clinic: a start writes {config} anew.")


def _processes(layout: Layout) -> Iterator[Finding]:
    running = preflight.is_locked(layout.data) and (layout.data / "ready.json").exists()
    yield Finding(running, "the clinic is running", f"Start it: bedside up --data {layout.data} --base-port {layout.base_port}")
    if running:
        silent = [f"{port} ({purpose})" for port, purpose in layout.ports.items() if not port_open(port)]
        yield Finding(not silent, "every port answers", f"Silent: {', '.join(silent)}. See the logs in {layout.data / 'log'}.")
        for name in (*layout.component_names, "worker"):
            there = (layout.data / "run" / f"{name}.ready").exists()
            yield Finding(there, f"{name} is at work", f"See {layout.data / 'log' / name}.log.")


def _findings(check: Callable[[Layout], Iterator[Finding]], layout: Layout) -> Iterator[Finding]:
    """Yields what a check finds; one that cannot be finished has found something too."""
    try:
        yield from check(layout)
    except Problem as problem:
        what, _, advice = str(problem).partition(". ")
        yield Finding(False, what, advice)
    except OSError as error:
        yield Finding(False, f"{error.filename} cannot be read ({error.strerror})", "Run this as the user who starts the clinic, or restore it from a backup.")


CHECKS: tuple[Callable[[Layout], Iterator[Finding]], ...] = (
    _programs, _private_files, _payments, _receipts, _files, _looks, _certificate, _disk, _database, _money, _xmpp, _processes,
)


def examine(data: Path, say: Callable[[str], None]) -> int:
    """Prints every finding. Returns 0 if all is well, 1 otherwise. Raises Problem if there is no clinic in `data`."""
    layout = recall(data)
    unwell = 0
    for check in CHECKS:
        for finding in _findings(check, layout):
            say(f"{'ok ' if finding.well else '!! '} {finding.what}")
            if not finding.well:
                unwell += 1
                say(f"      {finding.advice}")
    say("\nAll is well." if not unwell else f"\n{unwell} things need a look.")
    return 1 if unwell else 0
