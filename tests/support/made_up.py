"""A kind of entry that no capability has, for what every capability may rely on: a question, and its answer, which is a line of its own too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

from clinic import KINDS, Database, Work, kinds
from clinic.log import Entry
from clinic.storage import new_uid
from clinic.text.find import find


@dataclass(frozen=True, slots=True)
class Question:
    """A question with what was answered, or "" while it is open."""

    words: str
    answers: tuple[str, ...] = ()

    @property
    def body(self) -> str:
        return f"{self.words} Answered: {', '.join(self.answers)}." if self.answers else f"{self.words} Open."


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody answers."""

    words: str

    @property
    def body(self) -> str:
        return f"The answer is {self.words}."


def _answered(entry: Entry, later: Entry) -> Entry:
    if not isinstance(entry.payload, Question):
        return entry
    return replace(entry, payload=replace(entry.payload, answers=(*entry.payload.answers, later.payload.words)))


@contextmanager
def made_up_kinds() -> Iterator[None]:
    """Has the clinic know questions and answers meanwhile."""
    kinds.kind("made-up-question", fragment="text.html")(Question)
    kinds.kind("made-up-answer", fragment="text.html", changes=_answered)(Answer)
    try:
        yield
    finally:
        for payload in (Question, Answer):
            kinds._BY_PAYLOAD.pop(payload)
        for name in ("made-up-question", "made-up-answer"):
            KINDS.pop(name)


def ask(database: Database, who: Any, thread: str, words: str) -> str:
    """Post a question. Returns: its uid."""
    return _posted(database, who, thread, Question(words), None)


def answer(database: Database, who: Any, thread: str, question: str, words: str) -> str:
    """Post an answer to a question. Returns: its uid."""
    return _posted(database, who, thread, Answer(words), question)


def _posted(database: Database, who: Any, thread: str, payload: Any, about: str | None) -> str:
    append = Work.append

    def instead(work: Work, loaded: Any, _payload: Any, *audience: Any, **given: Any) -> str:
        with patch.object(Work, "append", append):
            if about is None:
                return append(work, loaded, payload, *audience, **given)
            return work.append_about(loaded, find(work, loaded, about), payload, author=given["author"], client_id=given["client_id"])

    with patch.object(Work, "append", instead):
        return str(database.perform(who, "text.post", thread, body="-", client_id=new_uid()).value)
