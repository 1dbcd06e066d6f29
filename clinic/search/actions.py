"""The action by which people in messaging apps search: it answers with the address of the page that shows what was found. Imports clinic only."""

from __future__ import annotations

from urllib.parse import urlencode

from clinic.actions import Offer, action
from clinic.fields import Text
from clinic.loading import LoadedThread
from clinic.permissions import Permission
from clinic.thread.actions import thread_for
from clinic.work import Work


@action(
    "search.ask",
    Permission.SEARCH,
    on=thread_for,
    gated=False,
    fields=(Text("words", "Words", max_bytes=500),),
    audited=False,
    offer=Offer(
        "Search your threads",
        "search",
        "What was written in this and your other threads. All words must be there; put a phrase in quotes.",
        "This page shows what was found.",
        leads=lambda words: f"/search?{urlencode({'q': words})}",
    ),
)
def ask(work: Work, thread: LoadedThread, words: str) -> str:
    """Ask for what was written in all one's threads. Returns: the words, which the offer's address carries."""
    return words
