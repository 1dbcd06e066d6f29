"""Contracts over what people are offered: whoever declares an action in a thread says how apps offer it, in the user's words."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from clinic import ACTIONS, Permission, Role, can
from clinic.actions import ActionSpec
from clinic.file.folders import patient_of_mine
from clinic.loading import LoadedThread
from clinic.offers import WHOM, asked
from clinic.profile.patients import patient_for, registered_for
from tests.support.cast import Cast
from tests.support.subjects import on_a_thread

OFFERED = {name: spec for name, spec in ACTIONS.items() if spec.offer is not None}

# Actions in a thread that are not offered as such, with the way in which every app does them.
DONE_OTHERWISE = {
    "file.begin": "apps upload through a slot (XEP-0363)",
    "file.choose": "it is a page to read; the command lists the same",
    "file.send": "a message that names the slot is one",
    "payment.check": "the page asks by itself when somebody comes back to it; the clinic looks in any case",
    "payment.looked_at": "administrators do it, who are in no thread",
    "payment.refund": "administrators do it, who are in no thread",
    "text.original": "it is a page to read",
    "text.post": "a message is one",
    "video.begin": "a video that an app sends in the thread is the answer",
    "voice.begin": "apps upload through a slot (XEP-0363)",
    "thread.mark": "markers say it, and whoever writes has read",
}


def in_a_thread(spec: ActionSpec) -> bool:
    """Say whether a person does this in a thread."""
    return on_a_thread(spec) and spec.public and any(can(role, spec.permission) for role in Role)


@pytest.mark.parametrize("name", [name for name, spec in sorted(ACTIONS.items()) if in_a_thread(spec)])
def test_every_action_in_a_thread_is_offered_to_apps_or_is_known_to_have_another_way(name: str) -> None:
    assert (ACTIONS[name].offer is None) == (name in DONE_OTHERWISE)


@pytest.mark.parametrize("name", sorted(OFFERED))
def test_an_offer_is_said_in_the_users_words(name: str) -> None:
    spec = OFFERED[name]
    offer = spec.offer
    assert offer is not None and spec.public
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", offer.word) and offer.word != "help"
    assert re.fullmatch(r"[A-Z].*[^.]", offer.title)
    assert offer.done.endswith(".") and (not offer.help or offer.help.endswith("."))
    for field in asked(spec):
        assert re.fullmatch(r"[A-Z].*", field.label), f"{field.name} has no label"


def test_no_two_offers_have_one_word_or_one_title() -> None:
    said = Counter(word for spec in OFFERED.values() if spec.offer for word in (spec.offer.word, spec.offer.title))
    assert [word for word, times in said.items() if times > 1] == []


# Actions on a patient's profile and folder that are offered to no app.
NOT_BY_APP = {
    "profile.export": "it is printed, or kept as a file",
    "profile.register": "administrators do it, who are in no thread",
}


@pytest.mark.parametrize("name", [name for name, spec in sorted(ACTIONS.items()) if spec.load in (patient_for, registered_for, patient_of_mine)])
def test_what_is_done_of_a_patient_is_offered_in_their_threads_or_makes_no_sense_in_an_app(name: str) -> None:
    offer = ACTIONS[name].offer
    assert (offer is None) == (name in NOT_BY_APP)
    assert offer is None or (offer.about is not None and offer.otherwise)


def test_whom_an_offer_is_about_is_whom_its_action_finds_and_what_fills_its_form_is_audited(cast: Cast) -> None:
    people = [cast.uid("ana"), cast.uid("ada")]
    group = cast.database.perform(cast.boris, "group.create", title="Knee class", people=people, reason="Same exercises").value
    for name, spec in OFFERED.items():
        if spec.offer is None or (about := spec.offer.about) is None:
            continue
        with cast.database.read(cast.boris) as work:
            whom = about.whom(work, work.thread(group))
            assert spec.load is not None and [spec.load(work, one.value).name for one in whom] == ["Ana Alvarez", "Ada Almeida"], name
        with cast.database.read(cast.ana) as work:
            assert [one.label for one in about.whom(work, work.thread(group))] == ["Ana Alvarez"], name  # nobody else, whom they know by name
        fields = {field.name for field in spec.fields}
        assert set(about.kept) <= fields and WHOM not in fields
        if about.opens:
            opens = ACTIONS[about.opens]
            assert opens.audited and not opens.fields and about.filled is not None


def test_what_shows_what_there_is_to_choose_is_a_look_at_the_same_thread_that_is_audited() -> None:
    looks = {name: ACTIONS[spec.offer.look] for name, spec in OFFERED.items() if spec.offer and spec.offer.look}
    assert set(looks) == {"file.forward"}
    for name, look in looks.items():
        assert look.audited and look.permission is ACTIONS[name].permission and look.load is ACTIONS[name].load
        assert not any(field.required for field in look.fields)


def test_an_offered_thread_is_the_subject_and_nothing_else(cast: Cast) -> None:
    """What an action is done to beside its thread is one of its fields: no app can name another subject."""
    uid = cast.start("boris", "ana")
    with cast.database.read(cast.boris) as work:
        for name, spec in OFFERED.items():
            if on_a_thread(spec):
                assert isinstance(spec.load(work, uid), LoadedThread), name
            assert spec.permission is not Permission.SYSTEM
