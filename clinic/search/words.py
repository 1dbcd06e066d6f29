"""Words as the index and the questions have them: folded, without accents, each with its place in the text.

Owns Word, words_of, Question, parse, marked. Imports the standard library only. Both engines get words made here, so that both find the same.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

LONGEST = 64
ASKED_AT_MOST = 16
_QUERY_AT_MOST = 2_000
# Han and kana are written without blanks: each character is a word of its own, and several in a row a phrase.
_ONE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_MARKS = "\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0670"
_WORD = re.compile(rf"[{_ONE}]|[^\W_{_ONE}](?:[^\W_{_ONE}]|[{_MARKS}])*")
_CHUNK = re.compile(r'"([^"]*)"?|([^\s"]+)')


@dataclass(frozen=True, slots=True)
class Word:
    """A folded word and the half-open range of characters that it has in the text."""

    word: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Question:
    """What is looked for: phrases of one or more words, all of which must be there. prefix: the last word may go on."""

    phrases: tuple[tuple[str, ...], ...]
    prefix: bool

    @property
    def words(self) -> frozenset[str]:
        """Every word that is asked for."""
        return frozenset(word for phrase in self.phrases for word in phrase)


def fold(word: str) -> str:
    """Return a word without case and accents, cut at LONGEST."""
    if word.isascii():
        return word.lower()[:LONGEST]
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", word).casefold())
    return "".join(character for character in plain if character.isalnum())[:LONGEST]


def words_of(text: str) -> Iterator[Word]:
    """Yield the words of a text in order."""
    for found in _WORD.finditer(text):
        if folded := fold(found.group()):
            yield Word(folded, found.start(), found.end())


def parse(query: str) -> Question:
    """Return what a person typed as a Question: words, "phrases in quotes"; of what no word is made nothing is asked.

    Never raises: whatever else stands there only separates words. What is joined without a blank (a-b) is a phrase.
    """
    phrases: list[tuple[str, ...]] = []
    prefix = False
    for found in _CHUNK.finditer(query[:_QUERY_AT_MOST]):
        quoted, bare = found.groups()
        phrase = tuple(word.word for word in words_of(quoted if bare is None else bare))
        if phrase and len(phrases) < ASKED_AT_MOST:
            phrases.append(phrase)
            prefix = bare is not None
    # One letter begins too many words to be worth a beginning; a character of Han is a word.
    prefix = prefix and not (len(phrases[-1][-1]) == 1 and phrases[-1][-1].isascii())
    return Question(tuple(phrases), prefix)


def marked(text: str, question: Question) -> list[tuple[int, int]]:
    """Return the half-open ranges of `text` that answer the question, in order, not overlapping."""
    words = list(words_of(text))
    ranges: list[tuple[int, int]] = []
    for number, phrase in enumerate(question.phrases):
        last = question.prefix and number == len(question.phrases) - 1
        for place in range(len(words) - len(phrase) + 1):
            if _is_at(words[place:place + len(phrase)], phrase, last):
                ranges.append((words[place].start, words[place + len(phrase) - 1].end))
    joined: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _is_at(here: Sequence[Word], phrase: tuple[str, ...], prefix: bool) -> bool:
    *head, tail = phrase
    if any(word.word != asked for word, asked in zip(here, head, strict=False)):
        return False
    return here[-1].word == tail or (prefix and here[-1].word.startswith(tail))
