"""`bedside account …`: accounts from the console of the clinic's machine, through the domain's actions. Imports `clinic`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from clinic import Actor, Database
from clinic.account.admin import AccountRow, account_list
from ops import first_run
from ops.deployment import opened, recall
from ops.layout import Layout
from ops.problems import Problem

CONSOLE = Actor.system()


@contextmanager
def clinic(data: Path) -> Iterator[tuple[Layout, Database]]:
    """Opens the clinic of a data folder; what goes wrong becomes words."""
    layout = recall(data.absolute())
    with opened(layout) as database:
        yield layout, database


def find(database: Database, email: str) -> AccountRow:
    """Returns the account with this e-mail address. Raises Problem."""
    with database.read(CONSOLE) as work:
        for row in account_list(work):
            if (row.email or "").lower() == email.strip().lower():
                return row
    raise Problem(f"There is no account with the e-mail address {email}. `bedside account list` shows all.")


@click.group()
def account() -> None:
    """Set up an empty clinic; create, list, deactivate and reset accounts, from this machine."""


DATA = click.option("--data", type=click.Path(path_type=Path), envvar="BEDSIDE_DATA", default="./var/clinic", show_default=True)
ROLES = ("patient", "practitioner", "coordinator", "admin")


@account.command()
@DATA
@click.option("--name", required=True, help="The verified name that others see.")
@click.option("--email", required=True)
@click.option("--role", "roles", multiple=True, required=True, type=click.Choice(ROLES))
@click.option("--birth-date", help="YYYY-MM-DD; needed for a patient.")
def create(data: Path, name: str, email: str, roles: tuple[str, ...], birth_date: str | None) -> None:
    """Create an account and print the link that sets its password."""
    with clinic(data) as (layout, database):
        values = {"name": name, "email": email, "roles": list(roles), "birth_date": birth_date}
        invited = database.perform(CONSOLE, "account.create", **{key: value for key, value in values.items() if value is not None}).value
        click.echo(f"Account created. {name} sets a password with this link (once, within 7 days):\n{layout.shared_url}/invite/{invited.token}")


@account.command("set-up")
@DATA
def set_up(data: Path) -> None:
    """Print a new link that sets up an empty clinic."""
    with clinic(data) as (layout, database):
        token = first_run.new_token(database)
        if token is None:
            raise Problem(
                "This clinic is set up already. `bedside account reset EMAIL` prints a link for a new password, "
                "`bedside account create --role admin` makes another administrator; `bedside account list` shows all accounts."
            )
        click.echo("Set up this clinic with this link (once, within 30 minutes; earlier links are void):")
        click.echo("\n".join(first_run.lines(layout, token)))


@account.command("list")
@DATA
def list_accounts(data: Path) -> None:
    """List all accounts."""
    with clinic(data) as (_, database), database.read(CONSOLE) as work:
        for row in account_list(work):
            state = "" if row.active else "  (deactivated)"
            click.echo(f"{row.name:<28} {row.email or '–':<32} {', '.join(row.roles)}{state}")


@account.command()
@DATA
@click.argument("email")
def deactivate(data: Path, email: str) -> None:
    """Close every way in for an account at once; what it wrote stays."""
    with clinic(data) as (_, database):
        row = find(database, email)
        database.perform(CONSOLE, "account.deactivate", row.uid)
        click.echo(f"{row.name} can no longer log in; open sessions end within seconds.")


@account.command()
@DATA
@click.argument("email")
def activate(data: Path, email: str) -> None:
    """Open a deactivated account again."""
    with clinic(data) as (_, database):
        row = find(database, email)
        database.perform(CONSOLE, "account.activate", row.uid)
        click.echo(f"{row.name} can log in again; devices have to be added anew.")


@account.command()
@DATA
@click.argument("email")
def reset(data: Path, email: str) -> None:
    """Print a link by which the owner of an account sets a new password."""
    with clinic(data) as (layout, database):
        row = find(database, email)
        invited = database.perform(CONSOLE, "account.invite", row.uid).value
        click.echo(f"Give this link to {row.name} alone (once, within 7 days):\n{layout.shared_url}/invite/{invited.token}")
