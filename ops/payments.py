"""`bedside payments …`: the keys of whoever takes the clinic's payments, from the console of its machine. Imports `web.gateways`.

A key is never an argument: arguments are seen in the list of processes and kept in the shell's history.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TextIO

import click

from clinic import Actor, outbox
from clinic.config import PAYMENTS_NAME, Config
from clinic.payment.providers import Account, Refused, Unreachable
from clinic.payment.record import CARD, MANUAL, PAYMENTS, provider_of
from ops.deployment import opened, recall
from ops.keys import write_private
from ops.layout import Layout
from ops.problems import Problem
from web.gateways import keys as payment_keys
from web.gateways.keys import API, WEBHOOK_SECRET, Keys
from web.gateways.reading import EVENTS

DATA = click.option("--data", type=click.Path(path_type=Path), envvar="BEDSIDE_DATA", default="./var/clinic", show_default=True)
KEPT_SECRETS = 2
"""The newest webhook secret and the one before: while one is being exchanged, Stripe signs with either."""


@click.group()
def payments() -> None:
    """The keys by which the clinic takes payments through Stripe; without them people pay at the desk."""


@payments.command("keys")
@DATA
@click.option(
    "--key-file",
    type=click.File("r"),
    help="Read them from a file (- for standard input), one a line: the secret key, and the webhook secret if there is one. Else they are asked for.",
)
@click.option("--add-webhook-secret", "adds", is_flag=True, help="Only a new webhook secret; the one before goes on being accepted beside it.")
@click.option("--remove", "removes", is_flag=True, help="Take the keys away: nobody can pay online any more.")
@click.option("--api-base", help="Where Stripe's API is, if not at Stripe: http on this machine, for tests.")
def set_keys(data: Path, key_file: TextIO | None, adds: bool, removes: bool, api_base: str | None) -> None:
    """Give the clinic its keys. They are tried before they are kept; a clinic that runs uses them at once."""
    layout = recall(data.absolute())
    path = layout.data / "secrets" / PAYMENTS_NAME
    if removes:
        if key_file or adds or api_base:
            raise Problem("--remove stands alone.")
        for line in _removed(layout, path):
            click.echo(line)
        return
    if api_base and not payment_keys.is_base(api_base):
        raise Problem(f"{api_base} is neither {API} nor http on this machine with a port. Nothing has changed.")
    before = _before(path, needed=adds)
    key, secrets = _from_file(key_file) if key_file else _asked(adds, bool(before and before.webhook_secrets))
    if adds:
        if key or not secrets:
            raise Problem("--add-webhook-secret takes a webhook secret (whsec_…) and nothing else. Nothing has changed.")
        assert before
        kept = tuple(dict.fromkeys((*secrets, *before.webhook_secrets)))[:KEPT_SECRETS]
        write_private(path, replace(before, webhook_secrets=kept).text())
        click.echo(f"Kept. Webhooks signed with {'either of two secrets' if len(kept) > 1 else 'it'} are accepted now.")
        return
    if not key:
        raise Problem("There is no secret key (sk_… or rk_…). Nothing has changed.")
    tried = Keys(key, secrets, api_base or API)
    account = _tried(tried)
    made = replace(tried, account=account, webhook_secrets=secrets or _still_good(before, account))
    write_private(path, made.text())
    for line in [*_said(made, account, before, layout.https_url), *_taken(layout, before)]:
        click.echo(line)


@payments.command("reconcile")
@DATA
@click.option("--days", type=click.IntRange(1, 3650), default=30, show_default=True, help="How far back to compare.")
def compare(data: Path, days: int) -> None:
    """Hold what the card service knows against what the clinic knows, take over what is out of date, and say what is left. Exit code 1 where something is."""
    from ops.reconciling import reconcile

    layout = recall(data.absolute())
    config = Config.from_environ({**os.environ, **layout.environment()})
    try:
        provider = payment_keys.provider(config)
        if provider is None:
            raise Problem("There are no payment keys, so there is nobody to ask. Give them: bedside payments keys")
        with opened(layout) as database:
            found = reconcile(database, provider, days)
    except Refused as error:
        raise Problem(error.words) from error
    except Unreachable as error:
        raise Problem(f"The card service could not be asked: {error} What was compared until then is taken over; try again.") from error
    for title, lines in (("Taken over", found.taken), ("Under way", found.waits), ("Unexplained", found.unexplained)):
        for line in lines:
            click.echo(f"{title}: {line}")
    left = len(found.unexplained)
    click.echo(
        f"Compared {found.compared} payments of the last {days} days: {len(found.taken)} taken over, {len(found.waits)} under way, "
        f"{left} unexplained.{'' if left else ' All agree.'}"
    )
    if left:
        raise SystemExit(1)


def at_terminal() -> bool:
    """Say whether somebody can be asked."""
    return sys.stdin.isatty()


def _removed(layout: Layout, path: Path) -> Iterator[str]:
    if not path.exists():
        yield "There are no payment keys."
        return
    yield from _provided(layout, MANUAL)
    path.unlink()
    yield "The keys are gone: nobody can pay online now, and what is owed is paid at the desk. What was paid stays; refunds of it have to be made in"
    yield "Stripe's dashboard."


def _provided(layout: Layout, provider: str) -> Iterator[str]:
    """Says in the clinic who takes payments from now on, and has what waits for keys done at once. Yields words where it could not."""
    try:
        with opened(layout) as database:
            database.perform(Actor.system(), "payment.provide", provider=provider)
            outbox.hasten(database, PAYMENTS, parked=True)
    except Problem as problem:
        yield f"The clinic itself could not be told: {problem} Later an administrator says on the page Services who takes payments."


def _taken(layout: Layout, before: Keys | None) -> Iterator[str]:
    """Switches a clinic that had no keys to cards; where an administrator chose the desk although there were keys, it stays so."""
    if before is None:
        yield from _provided(layout, CARD)
        yield "From now on patients pay by card; an administrator can change that on the page Services."
        return
    try:
        with opened(layout) as database:
            outbox.hasten(database, PAYMENTS, parked=True)
            with database.read(Actor.system()) as work:
                if provider_of(work) == MANUAL:
                    yield "Payments are taken at the desk all the same: an administrator chose so on the page Services."
    except Problem as problem:
        yield str(problem)


def _before(path: Path, needed: bool) -> Keys | None:
    """The keys until now. Damaged ones don't stand in the way of new ones."""
    try:
        found = payment_keys.read(path)
    except payment_keys.Damaged as error:
        if needed:
            raise Problem(str(error)) from error
        return None
    if needed and found is None:
        raise Problem("There are no payment keys yet. Give the secret key first: bedside payments keys")
    return found


def _from_file(file: TextIO) -> tuple[str, tuple[str, ...]]:
    try:
        with file as opened:
            lines = [line.strip() for line in opened if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise Problem("The file of keys cannot be read.") from error
    secrets = tuple(line for line in lines if line.startswith("whsec_"))
    others = [line for line in lines if line not in secrets]
    if len(others) > 1:
        raise Problem("There is more than one secret key in the file.")
    return _checked(others[0] if others else "", secrets)


def _asked(adds: bool, has_secret: bool) -> tuple[str, tuple[str, ...]]:
    if not at_terminal():
        raise Problem("Keys are asked for at a terminal. Without one, give --key-file FILE, or --key-file - for standard input.")
    key = "" if adds else click.prompt("Secret key (sk_… or rk_…; it is not shown)", hide_input=True).strip()
    note = "; empty keeps the one it has" if has_secret and not adds else "; empty if there is none yet"
    secret = click.prompt(f"Webhook secret (whsec_…{'' if adds else note})", hide_input=True, default="", show_default=False).strip()
    return _checked(key, (secret,) if secret else ())


def _checked(key: str, secrets: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    if key and (why := payment_keys.why_no_key(key)):
        raise Problem(f"{why} Nothing has changed.")
    if not all(WEBHOOK_SECRET.fullmatch(secret) for secret in secrets):
        raise Problem("This is no webhook secret of Stripe's: it begins with whsec_. Nothing has changed.")
    return key, secrets


def _tried(made: Keys) -> Account:
    """Asks Stripe whose keys these are. Raises Problem."""
    from web.gateways.stripe import StripeProvider

    try:
        return StripeProvider(made.secret_key, made.api_base).account()
    except Refused as error:
        raise Problem(f"Stripe does not take this key. {error.words} Nothing has changed.") from error
    except Unreachable as error:
        raise Problem("Stripe could not be reached, so the key could not be tried. Nothing has changed; try again.") from error


def _still_good(before: Keys | None, account: Account) -> tuple[str, ...]:
    """The webhook secrets until now, where they are those of the same account and mode."""
    if before is None or before.account is None:
        return ()
    same = (before.account.reference, before.test) == (account.reference, account.test)
    return before.webhook_secrets if same else ()


def _said(made: Keys, account: Account, before: Keys | None, https_url: str) -> list[str]:
    whose = " ".join(part for part in (account.name, f"({account.reference})" if account.reference else "") if part)
    kind = "a restricted key" if made.secret_key.startswith("rk_") else "a secret key"
    said = [f"Kept: {kind} of {whose or 'an account that it may not name'}."]
    said.append("TEST MODE: no real money moves." if made.test else "LIVE: real money moves from now on.")
    if made.api_base != API:
        said.append(f"Payments go to a stand-in at {made.api_base}, not to Stripe.")
    if before and before.account and account.reference and before.account.reference not in ("", account.reference):
        said.append(f"Until now the keys were of {before.account.reference}: what was paid there has to be refunded there.")
    if not made.webhook_secrets:
        said.append(f"There is no webhook secret yet: until then the clinic asks Stripe now and then. Stripe has to reach {https_url}; the events are")
        said.append(", ".join(EVENTS))
    return said
