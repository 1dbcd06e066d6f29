"""The one-time link by which an empty clinic is set up: no account exists by default. Imports `clinic`."""

from clinic import Actor
from clinic.account.views import is_empty
from ops.deployment import open_clinic
from ops.layout import Layout


def link(layout: Layout) -> str | None:
    """Returns a link that sets up this clinic (once, for 30 minutes), None if it has an account already."""
    database = open_clinic(layout)
    try:
        with database.read(Actor.system()) as work:
            if not is_empty(work):
                return None
        token = database.perform(Actor.system(), "clinic.open_set_up").value
    finally:
        database.engine.dispose()
    return f"{layout.public_url}/setup/{token}"
