"""What one person may do to the others at once: posts and availability are bounded, and the bound is said. Source: RFC 6120 section 8.3.3.18."""

import asyncio
from dataclasses import replace
from pathlib import Path
from xml.etree.ElementTree import Element

import pytest

from clinic.config import Config
from ops import keys
from tests.support.rooms import answered, archived, refusal
from tests.support.stage import Client, Stage, X, played
from xmpp_components import rates
from xmpp_components.rates import Buckets
from xmpp_components.rooms import availability


class Clock:
    """A steady clock that stands still."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@played
async def test_a_flood_of_posts_is_refused_in_words_and_nobody_else_is_held_up(stage: Stage) -> None:
    ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    await ana.everything()
    began = asyncio.get_running_loop().time()
    for number in range(300):
        stage.says(ana, f"n{number}", f"n{number}")
    stage.says(boris, "and I", "mine")
    await boris.finds("<message type='groupchat' id='mine'/>")
    answers = await answered(ana, {f"n{number}" for number in range(300)})
    most = 100 + 10 * (asyncio.get_running_loop().time() - began) + 1
    refused = [one for one in answers if one.get("type") == "error"]
    stored = [one.get("id") for one in answers if one.get("type") == "groupchat"]
    assert 100 <= len(stored) <= most and stored[:100] == [f"n{number}" for number in range(100)]
    assert [body for body in archived(stage) if body != "and I"] == stored  # what was refused was not stored
    words = "".join(refused[0].itertext())
    assert refused[0].find("{*}error[@type='wait']/{urn:ietf:params:xml:ns:xmpp-stanzas}resource-constraint") is not None
    assert "not stored" in words and "send it again" in words


@played
async def test_whoever_was_refused_for_haste_posts_again_a_moment_later_from_whichever_client(stage: Stage) -> None:
    clock, ana, laptop = Clock(), await stage.joined(stage.ana), await stage.joined(stage.ana, "laptop")
    assert stage.component is not None
    stage.component.posts = Buckets(10, 3, clock)
    for number in range(3):
        stage.says(ana, f"n{number}", f"n{number}")
        await laptop.finds(f"<message type='groupchat' id='n{number}'/>")
    for client in (ana, laptop):
        stage.says(client, "too soon", "m")
        await client.finds(f"<message type='error' id='m'>{refusal('resource-constraint')}</message>")
    clock.seconds += 0.11
    stage.says(laptop, "later", "m")
    await laptop.finds("<message type='groupchat' id='m'><body>later</body></message>")
    stage.says(laptop, "and too soon", "m")
    await laptop.finds("<message type='error' id='m'/>")
    assert archived(stage) == ["n0", "n1", "n2", "later"]


def test_a_bucket_fills_up_to_its_burst_and_full_ones_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "KEPT", 10)
    clock = Clock()
    buckets = Buckets(2, 4, clock)
    assert [buckets.take("a") for _ in range(6)] == [True] * 4 + [False] * 2
    clock.seconds += 1
    assert [buckets.take("a") for _ in range(3)] == [True, True, False]
    clock.seconds += 1000
    assert [buckets.take("a") for _ in range(5)] == [True] * 4 + [False]
    for number in range(1000):
        clock.seconds += 1
        assert buckets.take(number)
    assert len(buckets._buckets) < 20
    for number in range(1000):  # all at once: none of them may be forgotten
        assert [buckets.take(-number - 1) for _ in range(5)] == [True] * 4 + [False]
    assert not any(buckets.take(-number - 1) for number in range(1000))


def test_the_rate_of_posts_is_a_setting_of_the_clinic(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir(mode=0o700)
    keys.ensure(tmp_path / "secrets")
    given = {"BEDSIDE_DATA": str(tmp_path)}
    assert Config.from_environ(given) == replace(Config.from_environ(given), posts_per_second=10.0, posts_burst=100.0)
    raised = Config.from_environ(given | {"BEDSIDE_POSTS_PER_SECOND": "2.5", "BEDSIDE_POSTS_BURST": "7"})
    assert (raised.posts_per_second, raised.posts_burst) == (2.5, 7.0)


def shows(heard: list[Element]) -> list[str]:
    """Returns which availability each presence gives."""
    return [one.findtext("{*}show") or "" for one in heard if one.tag.endswith("}presence")]


def flips(stage: Stage, client: Client, *wanted: str) -> None:
    """Changes what a client says of its person."""
    for show in wanted:
        client.sends(f"<presence to='{stage.room}/Ana Alvarez'><show>{show}</show></presence>")


@played
async def test_availability_flipped_hundreds_of_times_is_told_once_a_second_and_the_last_of_it_is_told(stage: Stage) -> None:
    boris, ana = await stage.joined(stage.boris), await stage.joined(stage.ana)
    await boris.finds(f"<presence from='{stage.room}/Ana Alvarez'/>")
    began, heard = asyncio.get_running_loop().time(), []
    flips(stage, ana, *["away", "dnd"] * 450, "xa")
    while not heard or shows(heard)[-1] != "xa":
        heard.append(await boris.hears())
    assert len(heard) <= 2 + (asyncio.get_running_loop().time() - began) / availability.EVERY_SECONDS
    assert await boris.everything() == []


def test_who_joins_sees_the_newest_availability_though_it_was_not_told_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(availability, "EVERY_SECONDS", 3600.0)

    @played
    async def play(stage: Stage) -> None:
        boris, ana = await stage.joined(stage.boris), await stage.joined(stage.ana)
        flips(stage, ana, "away")
        await boris.finds(f"<presence from='{stage.room}/Ana Alvarez'><show>away</show></presence>")
        flips(stage, ana, "dnd")
        stage.says(ana, "behind it", "m1")
        await ana.finds("<message id='m1'/>")
        assert shows(await boris.everything()) == []
        chen = stage.client(stage.chen)
        chen.sends(f"<presence to='{stage.room}/Chen Cheng'><x xmlns='{X}'/></presence>")
        await chen.finds(f"<presence from='{stage.room}/Ana Alvarez'><show>dnd</show></presence>")
    play(tmp_path)
