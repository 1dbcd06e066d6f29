"""What tests of groups share: doing what people do in them, and reading what each sees of a thread."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from clinic import Database
from clinic.account.tables import settings
from clinic.thread.views import thread_head, thread_list, thread_page
from tests.support.cast import Cast

PEOPLE = ("ana", "ada", "eve", "boris", "bella", "chen", "dina")


def do(cast: Cast, by: str, action: str, thread: str | None = None, **values: Any) -> Any:
    given = {name: [cast.uid(one) for one in value] if name == "people" else value for name, value in values.items()}
    if given.get("person") in PEOPLE:
        given["person"] = cast.uid(given["person"])
    subject = () if thread is None else (thread,)
    return cast.database.perform(getattr(cast, by), action, *subject, **given).value


def group(cast: Cast, *people: str, title: str = "Knee class", **values: str) -> str:
    """Make a group of Boris's; Ada, who is not linked to him, is added with a reason."""
    uid: str = do(cast, "boris", "group.create", title=title, people=people, reason="Same exercises.", **values)
    return uid


def names(cast: Cast, reader: str, thread: str) -> set[str]:
    with cast.database.read(getattr(cast, reader)) as work:
        return {member.nick.split()[0].lower() for member in thread_head(work, thread).members}


def bodies(cast: Cast, reader: str, thread: str) -> list[str]:
    with cast.database.read(getattr(cast, reader)) as work:
        return [entry.body for entry in thread_page(work, thread).entries]


def title(cast: Cast, reader: str, thread: str) -> str:
    with cast.database.read(getattr(cast, reader)) as work:
        return thread_head(work, thread).title


def listed(cast: Cast, reader: str) -> list[str]:
    with cast.database.read(getattr(cast, reader)) as work:
        return [row.uid for row in thread_list(work)]


def admins(cast: Cast, reader: str, thread: str) -> list[str]:
    with cast.database.read(getattr(cast, reader)) as work:
        return [member.nick.split()[0].lower() for member in thread_head(work, thread).members if member.group_admin]


def switch(database: Database, key: str, value: str) -> None:
    with database.writing() as connection:
        connection.execute(sa.delete(settings).where(settings.c.key == key))
        connection.execute(sa.insert(settings), {"key": key, "value": value})
