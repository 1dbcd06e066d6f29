"""The `bedside` command. Parses arguments and turns problems into words; each sub-command imports what it needs when it is called."""

import sys
from pathlib import Path

import click

from ops.layout import Layout
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


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Bedside: self-hosted telehealth messaging."""


@cli.command()
@DATA
@DATABASE
@click.option("--base-port", type=int, default=8600, show_default=True, help="First of six ports: web, https, XMPP, XMPP by TLS, two internal.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address for https and XMPP on a network; plain http stays on this machine.")
@click.option("--domain", envvar="BEDSIDE_DOMAIN", default="localhost", show_default=True, help="Domain of XMPP addresses.")
@click.option("--demo", is_flag=True, help="Fill the clinic with made-up people and threads.")
def up(data: Path, database_url: str, base_port: int, host: str, domain: str, demo: bool) -> None:
    """Start the clinic and keep it running; Ctrl-C stops it."""
    from ops.up import up as run

    layout = Layout(data.absolute(), base_port, host=host, domain=domain.lower(), database_url=database_url)
    sys.exit(run(layout, with_demo=demo))


def main() -> None:
    """Runs the command; a Problem becomes a message and exit code 1."""
    try:
        cli()
    except Problem as problem:
        click.echo(f"\nCannot go on: {problem}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
