"""What apps show of a thread and its people beside words: cards, pictures, hats, and what need not be kept. Source: XEP-0054, 0153, 0317, 0334, 0486."""

import base64
import hashlib
import struct
import zlib

import pytest

from tests.support.rooms import STANZAS
from tests.support.stage import Client, Stage, X, played, shown
from xmpp_components.rooms.avatars import SIDE, digest, initials, picture

VCARD, UPDATE, INFO = "{vcard-temp}", "{vcard-temp:x:update}", "http://jabber.org/protocol/disco#info"


async def card(client: Client, to: str):
    client.sends(f"<iq type='get' id='v' to='{to}'><vCard xmlns='vcard-temp'/></iq>")
    return (await client.finds(f"<iq id='v' type='result' from='{to}'><vCard xmlns='vcard-temp'/></iq>"))[0]


@played
async def test_a_card_shows_name_role_and_a_picture_and_nothing_else(stage: Stage) -> None:
    ana = await stage.joined(stage.ana)
    for to, name, role in ((f"{stage.room}/Boris Brandt", "Boris Brandt", "Practitioner"), (f"{stage.room}/Clinic", "Clinic", "The clinic itself"),
                           (f"{stage.room}/Ana Alvarez", "Ana Alvarez", "Patient"), (stage.room, "Boris Brandt", None)):
        found = await card(ana, to)
        assert (found.findtext(f"{VCARD}FN"), found.findtext(f"{VCARD}ROLE"), found.findtext(f"{VCARD}PHOTO/{VCARD}TYPE")) == (name, role, "image/png")
        assert base64.b64decode(found.findtext(f"{VCARD}PHOTO/{VCARD}BINVAL")) == picture(name)
        assert {part.tag for part in found} <= {f"{VCARD}{part}" for part in ("FN", "ROLE", "PHOTO")}
        assert stage.boris.handle not in shown(found)
    boris = stage.client(stage.boris)
    assert (await card(boris, stage.room)).findtext(f"{VCARD}FN") == "Ana Alvarez"  # called otherwise, another picture
    ana.sends(f"<iq type='get' id='v' to='{stage.room}/Nobody'><vCard xmlns='vcard-temp'/></iq>")
    await ana.finds(f"<iq id='v' type='error'><error><item-not-found {STANZAS}/></error></iq>")
    eve = stage.client(stage.eve)
    for to in (stage.room, f"{stage.room}/Boris Brandt"):
        eve.sends(f"<iq type='get' id='v' to='{to}'><vCard xmlns='vcard-temp'/></iq>")
        await eve.finds(f"<iq id='v' type='error'><error><item-not-found {STANZAS}/></error></iq>")
    boris.sends(f"<iq type='set' id='s' to='{stage.room}'><vCard xmlns='vcard-temp'><FN>Mine</FN></vCard></iq>")
    await boris.finds("<iq id='s' type='error'/>")


@played
async def test_whoever_joins_is_told_by_what_to_know_the_pictures(stage: Stage) -> None:
    await stage.joined(stage.boris)
    ana = stage.client(stage.ana)
    ana.sends(f"<presence to='{stage.room}/Ana Alvarez'><x xmlns='{X}'/></presence>")
    for sender, name in ((f"{stage.room}/Boris Brandt", "Boris Brandt"), (f"{stage.room}/Ana Alvarez", "Ana Alvarez"), (stage.room, "Boris Brandt")):
        got = await ana.receives(f"<presence from='{sender}'/>")
        assert got.findtext(f"{UPDATE}x/{UPDATE}photo") == digest(name) == hashlib.sha1(picture(name)).hexdigest()
    ana.sends(f"<iq type='get' id='i' to='{stage.room}'><query xmlns='{INFO}'/></iq>")
    await ana.finds(f"<iq id='i'><query xmlns='{INFO}'><feature var='vcard-temp'/><x xmlns='jabber:x:data'><field var='muc#roominfo_avatarhash'>"
                    f"<value>{digest('Boris Brandt')}</value></field></x></query></iq>")


@played
async def test_a_thread_that_is_called_otherwise_has_another_picture_for_who_calls_it_so(stage: Stage) -> None:
    ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    await ana.everything()
    stage.db.perform(stage.boris.actor, "thread.rename", stage.thread, title="Knee of spring")
    got = await boris.finds(f"<presence from='{stage.room}'><x xmlns='vcard-temp:x:update'/></presence>")
    assert got.findtext(f"{UPDATE}x/{UPDATE}photo") == digest("Knee of spring")
    assert not [one for one in await ana.everything() if one.tag.endswith("presence")]


@played
async def test_a_group_admin_wears_a_second_hat(stage: Stage) -> None:
    people = [stage.ana.uid, stage.cast.uid("bella")]
    group = stage.db.perform(stage.boris.actor, "group.create", title="Knee class", people=people).value
    stage.room = f"{group}@{stage.server.domain}"
    await stage.joined(stage.boris)
    ana = stage.client(stage.ana)
    ana.sends(f"<presence to='{stage.room}/Ana Alvarez'><x xmlns='{X}'/></presence>")
    got = await ana.receives(f"<presence from='{stage.room}/Boris Brandt'/>")
    hats = [(hat.get("uri"), hat.get("title")) for hat in got.find("{urn:xmpp:hats:0}hats")]
    assert hats == [("urn:bedside:role:practitioner", "Practitioner"), ("urn:bedside:role:group-admin", "Group admin")]
    got = await ana.receives(f"<presence from='{stage.room}/Ana Alvarez'/>")
    assert [hat.get("title") for hat in got.find("{urn:xmpp:hats:0}hats")] == ["Patient"]
    assert (await card(ana, f"{stage.room}/Boris Brandt")).findtext(f"{VCARD}ROLE") == "Practitioner, group admin"


@played
async def test_typing_and_what_only_one_person_is_told_is_kept_nowhere(stage: Stage) -> None:
    ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    ana.sends(f"<message to='{stage.room}' type='groupchat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>")
    await boris.finds("<message><composing xmlns='http://jabber.org/protocol/chatstates'/><no-store xmlns='urn:xmpp:hints'/></message>")


@pytest.mark.parametrize(("name", "letters"), [("Ana Alvarez", "AA"), ("Ana", "A"), ("ana de la Cruz", "AC"), ("Øyvind Ångström", "OA"), ("王 小明", ""),
                                               ("Mary-Jane O'Neil", "MO"), ("3 Knees", "3K"), ("!", ""), ("", "")])
def test_initials_are_of_the_first_and_the_last_word(name: str, letters: str) -> None:
    assert initials(name) == letters


@pytest.mark.parametrize("name", ["Ana Alvarez", "Wilhelm Wagner", "王", "I"])
def test_a_picture_is_a_png_of_two_colours_that_stand_out(name: str) -> None:
    data = picture(name)
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    chunks, place = {}, 8
    while place < len(data):
        [length] = struct.unpack(">I", data[place:place + 4])
        kind, inside = data[place + 4:place + 8], data[place + 8:place + 8 + length]
        assert struct.unpack(">I", data[place + 8 + length:place + 12 + length]) == (zlib.crc32(kind + inside),)
        chunks[kind], place = inside, place + 12 + length
    assert struct.unpack(">IIBBBBB", chunks[b"IHDR"]) == (SIDE, SIDE, 1, 3, 0, 0, 0)
    rows = zlib.decompress(chunks[b"IDAT"])
    assert len(rows) == SIDE * (1 + SIDE // 8) and any(rows)
    light = [(value / 255 / 12.92 if value <= 10 else ((value / 255 + 0.055) / 1.055) ** 2.4) for value in chunks[b"PLTE"][:3]]
    luminance = 0.2126 * light[0] + 0.7152 * light[1] + 0.0722 * light[2]
    assert 1.05 / (luminance + 0.05) >= 4.5
