"""The one-time link by which an empty clinic is set up: no account exists by default. Imports `clinic`."""

from clinic import Actor, Database
from clinic.account.views import is_empty
from ops.deployment import opened
from ops.layout import Layout


def new_token(database: Database) -> str | None:
    """Returns what a new set-up link ends with (earlier links end), None if the clinic has an account already."""
    with database.read(Actor.system()) as work:
        if not is_empty(work):
            return None
    return str(database.perform(Actor.system(), "clinic.open_set_up").value)


def lines(layout: Layout, token: str) -> list[str]:
    """Returns the link, and the one for another machine where the clinic serves a network."""
    found = [f"{layout.public_url}/setup/{token}"]
    if layout.shared_url != layout.public_url:
        found.append(f"{layout.shared_url}/setup/{token} (from another machine)")
    return found


def links(layout: Layout) -> list[str]:
    """Returns the lines that set up this clinic (once, for 30 minutes), none if it has an account already."""
    with opened(layout) as database:
        token = new_token(database)
    return lines(layout, token) if token else []
