"""The `bedside` command. Parses arguments and turns problems into words; a sub-command imports what it needs when it is called."""

import sys
from pathlib import Path

import click

from clinic.config import MOST_COMPONENTS
from ops.bench import Benches
from ops.layout import MOST_WEB_PROCESSES, Layout
from ops.problems import Problem

DATA = click.option(
    "--data",
    type=click.Path(path_type=Path),
    envvar="BEDSIDE_DATA",
    default="./var/clinic",
    show_default=True,
    help="Folder of this clinic: database, files, secrets, logs.",
)
DATABASE = click.option("--database-url", envvar="BEDSIDE_DATABASE_URL", default="", help="A PostgreSQL URL; SQLite below --data if absent.")


class Lazy(click.Group):
    """Commands by name; `account` and `payments` bring in the whole domain, so they are imported only when asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Returns all names."""
        return sorted([*super().list_commands(ctx), "account", "payments"])

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Returns one command."""
        if name == "account":
            from ops.account import account

            return account
        if name == "payments":
            from ops.payments import payments

            return payments
        return super().get_command(ctx, name)


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Bedside: self-hosted telehealth messaging."""


@cli.command()
@DATA
@DATABASE
@click.option("--base-port", type=int, default=8600, show_default=True, help="First of six ports: web, https, XMPP, XMPP by TLS, two internal.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address by which people reach this machine, for https and XMPP; plain http stays on it.")
@click.option("--domain", envvar="BEDSIDE_DOMAIN", default="localhost", show_default=True, help="Domain of XMPP addresses.")
@click.option(
    "--components",
    type=click.IntRange(1, MOST_COMPONENTS),
    envvar="BEDSIDE_COMPONENTS",
    default=1,
    show_default=True,
    help="How many processes serve the threads by XMPP; addresses do not depend on it.",
)
@click.option(
    "--web-processes",
    type=click.IntRange(1, MOST_WEB_PROCESSES),
    envvar="BEDSIDE_WEB_PROCESSES",
    default=1,
    show_default=True,
    help="How many processes serve pages, of eight threads each; more than one pays on PostgreSQL and several cores.",
)
@click.option("--demo", is_flag=True, help="Fill the clinic with made-up people and threads.")
def up(data: Path, database_url: str, base_port: int, host: str, domain: str, components: int, web_processes: int, demo: bool) -> None:
    """Start the clinic and keep it running; Ctrl-C stops it."""
    from ops.up import up as run

    layout = Layout(
        data.absolute(), base_port, host=host, domain=domain.lower(), database_url=database_url, components=components, web_processes=web_processes
    )
    run(layout, with_demo=demo)


@cli.command()
def worker() -> None:
    """Do the clinic's background work (`bedside up` starts this)."""
    from ops.worker import main as work

    work()


@cli.command()
@DATA
def demo(data: Path) -> None:
    """Add the made-up people and threads to a clinic that was started before."""
    from ops.demo import seed
    from ops.deployment import recall

    click.echo(f"Done. Accounts and passwords: {seed(recall(data.absolute()))}")


@cli.command("migrate-database")
@DATA
@click.option("--database-url", envvar="BEDSIDE_DATABASE_URL", required=True, help="The empty PostgreSQL database; in the variable its password is not seen.")
def migrate_database(data: Path, database_url: str) -> None:
    """Move a stopped clinic from SQLite to PostgreSQL; the file stays."""
    from ops.migrate_database import move

    move(data.absolute(), database_url, click.echo)


@cli.command()
@DATA
def doctor(data: Path) -> None:
    """Check a clinic's deployment and explain each finding."""
    from ops.doctor import examine

    sys.exit(examine(data.absolute(), click.echo))


@cli.group(cls=Benches)
def bench() -> None:
    """Measure clinics of its own on this machine; prints one JSON line a figure."""


def main() -> None:
    """Runs the command; a Problem becomes a message and exit code 1."""
    try:
        cli()
    except Problem as problem:
        click.echo(f"\nCannot go on: {problem}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
