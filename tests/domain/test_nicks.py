"""The form of a name that messaging apps can address, held against the XMPP server's own preparation of addresses."""

from __future__ import annotations

import subprocess
import unicodedata
from itertools import count, islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinic import Actor, Database
from clinic.thread.nicks import addressable, numbered, same
from clinic.thread.relay import relayed_thread
from tests.support.cast import Cast

# What Prosody does to the last part of an address: the same C library, asked directly. One line in, one line out.
PREPARE = r"""
package.cpath = "/usr/lib/prosody/?.so;" .. package.cpath
local prepare = require "util.encodings".stringprep.resourceprep
for line in io.lines() do print(prepare(line) or "REFUSED") end
"""
NAMES = [
    "Ana Alvarez", "Dr. أحمد منصور", "Dr יעל כהן", "יעל כהן (2)", "أحمد", "3 أحمد", "Anna\u200eBell", "Ana\ue000",
    "Jose\u0301 Nu\u0301n\u0303ez", "José Núñez", "\u0661 \u0662", "Zoë-Marie d'Été", "李小龍", "ﷺ" * 60, "Ⅷ Ⅸ", "a\u0340b",
    "\ufffd", "\u2028", "()", "नेहा शर्मा", "Nguyễn Thị Ánh", "A" * 200, "שרה Smith שרה", "x\u00a0y",
]  # fmt: skip


def prepared(names: list[str]) -> list[str]:
    done = subprocess.run(["lua5.4", "-e", PREPARE], input="\n".join(names), capture_output=True, text=True, check=True, timeout=20)
    return done.stdout.split("\n")[: len(names)]


def test_the_server_takes_every_name_unchanged() -> None:
    forms = [addressable(name) for name in NAMES]
    assert prepared(forms) == forms
    assert [addressable(form) for form in forms] == forms
    assert "REFUSED" in prepared(NAMES)


# Lists, so that one start of the interpreter judges many names.
@settings(deadline=None, max_examples=40)
@given(st.lists(st.text(st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters="\u2028\u2029"), max_size=40), min_size=1, max_size=60))
def test_the_server_takes_any_text_that_is_a_name(names: list[str]) -> None:
    forms = [addressable(name) for name in names]
    taken = prepared(forms)
    # What Unicode has changed since the server's tables were made may come back in another form, but is never refused.
    assert "REFUSED" not in taken
    assert [addressable(form) for form in forms] == forms


@pytest.mark.parametrize(
    ("name", "form"),
    [("Ana Alvarez", "Ana Alvarez"), ("Dr. أحمد منصور", "أحمد منصور"), ("Smith שר", "Smith"), ("()", "()"), ("\ue000", "Member")],
)
def test_most_names_stay_as_they_are(name: str, form: str) -> None:
    assert addressable(name) == form


@pytest.mark.parametrize("name", ["Ana Alvarez", "יעל כהן", "أحمد منصور", "Dr. أحمد منصور", "ﷺ" * 60, "A" * 200, "\ue000"])
def test_the_second_of_a_name_is_told_apart_in_the_address_too(name: str) -> None:
    forms = [addressable(numbered(name, number)) for number in islice(count(1), 60)]
    assert prepared(forms) == forms
    assert len({form.casefold() for form in forms}) == 60


def test_one_name_in_two_spellings_is_two_people_with_two_addresses(database: Database, cast: Cast) -> None:
    for who, name in (("ana", "José Núñez"), ("boris", unicodedata.normalize("NFD", "José Núñez")), ("chen", "JOSÉ NÚÑEZ")):
        values = {"name": name, "email": f"{who}@clinic.example", "birth_date": "1984-03-27" if who == "ana" else None}
        database.perform(cast.dina, "account.describe", cast.uid(who), **values)
    thread = cast.start("ana", "boris")
    with database.read(Actor.system()) as work:
        nicks = [member.nick for member in relayed_thread(work, thread).members]
    assert sorted(nicks) == ["JOSÉ NÚÑEZ (3)", "José Núñez", "José Núñez (2)"]
    assert not any(same(one, other) for one in nicks for other in nicks if one is not other)


def test_marks_that_nobody_sees_are_no_part_of_a_name(database: Database, cast: Cast) -> None:
    database.perform(cast.dina, "account.describe", cast.uid("boris"), name="\u200eBoris\u202e  Brandt\ufeff", email="boris@clinic.example")
    thread = cast.start("ana", "boris")
    with database.read(Actor.system()) as work:
        assert "Boris Brandt" in [member.nick for member in relayed_thread(work, thread).members]


def test_nobody_speaks_in_the_clinics_name(database: Database, cast: Cast) -> None:
    database.perform(cast.dina, "account.describe", cast.uid("boris"), name="CLINIC", email="boris@clinic.example")
    thread = cast.start("ana", "boris")
    with database.read(Actor.system()) as work:
        assert "CLINIC (2)" in [member.nick for member in relayed_thread(work, thread).members]
