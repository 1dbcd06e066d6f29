"""What files are found to be, and what pictures are made of them. Real libraries in the real sandbox, files from memory."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from PIL import Image

from clinic.file.allowed import BEGINS_WITH
from clinic.file.media import Form, Purpose, Unfit
from tests.support import made_files as made
from web.media import inspecting
from web.media.inspecting import Derived

VOICE_MS, VIDEO_MS = 120_500, 45_500


@pytest.fixture(scope="module", autouse=True)
def ended() -> Iterator[None]:
    yield
    inspecting.close()


def looked_at(content: bytes, name: str = "file", purpose: Purpose = Purpose.FILE, limit_ms: int | None = None) -> Derived:
    return inspecting.inspect(made.Bytes(content), name, purpose, BEGINS_WITH, limit_ms)


def words_for(content: bytes, name: str = "file", purpose: Purpose = Purpose.FILE, limit_ms: int | None = None) -> str:
    with pytest.raises(Unfit) as refused:
        looked_at(content, name, purpose, limit_ms)
    return refused.value.words


@pytest.mark.parametrize(("form", "mode"), [
    ("JPEG", "RGB"), ("JPEG", "CMYK"), ("PNG", "RGB"), ("PNG", "I;16"), ("GIF", "P"), ("WEBP", "RGB"), ("TIFF", "RGB"), ("BMP", "RGB"), ("AVIF", "RGB"),
])
def test_a_picture_of_every_kind_is_shown_large_and_small(form: str, mode: str) -> None:
    found = looked_at(made.picture(form, (3000, 1500), mode))
    assert (found.inspection.media_type, found.inspection.form) == (f"image/{form.lower()}", Form.IMAGE)
    assert (found.inspection.width, found.inspection.height) == (3000, 1500)
    shown, thumb = (Image.open(io.BytesIO(found.pictures[name])) for name in ("shown", "thumb"))
    assert (shown.size, thumb.size) == ((2048, 1024), (320, 160))
    assert found.inspection.shown_bytes == len(found.pictures["shown"])
    if mode == "RGB":
        left, right = (shown.convert("RGB").getpixel((x, 500)) for x in (300, 1700))
        assert left[0] > 150 > left[2] and right[2] > 150 > right[0]


def test_of_a_photo_nothing_is_shown_but_what_is_seen_and_it_stands_upright() -> None:
    content = made.photo_with_place()
    assert b"SecretPhone" in content and 0x8825 in Image.open(io.BytesIO(content)).getexif(), "the control: it says where it was taken"
    found = looked_at(content)
    assert (found.inspection.width, found.inspection.height) == (480, 640)
    for name in ("shown", "thumb"):
        picture = Image.open(io.BytesIO(found.pictures[name]))
        assert picture.height > picture.width
        assert not picture.getexif() and "exif" not in picture.info and "icc_profile" not in picture.info
        assert b"SecretPhone" not in found.pictures[name]
        top, bottom = (picture.convert("RGB").getpixel((picture.width // 2, y)) for y in (picture.height // 8, picture.height * 7 // 8))
        assert top[0] > 150 > top[2] and bottom[2] > 150 > bottom[0], "turned by a quarter: what was left is above"


def test_what_can_be_seen_through_stays_so() -> None:
    content = io.BytesIO()
    Image.new("RGBA", (400, 300), (10, 200, 10, 90)).save(content, "PNG")
    found = looked_at(content.getvalue())
    assert found.inspection.shown_type == found.inspection.thumb_type == "image/webp"
    assert abs(Image.open(io.BytesIO(found.pictures["shown"])).convert("RGBA").getpixel((5, 5))[3] - 90) < 6


def test_of_a_moving_picture_the_first_frame_is_shown() -> None:
    assert looked_at(made.moving(3)).inspection.shown
    assert words_for(made.moving(1100)) == "This is a moving picture of 1,100 single pictures; 1,000 is the most. Send it as a video instead."


def test_a_photo_of_a_hundred_million_pixels_is_taken_and_a_picture_of_such_is_not() -> None:
    assert looked_at(made.picture("JPEG", (12_000, 9000))).inspection.width == 12_000
    words = words_for(made.picture("PNG", (12_000, 9000), "L"))
    assert words == "This picture has 108 million pixels; 50 million is the most. Save it smaller, and send that."


@pytest.mark.parametrize(("form", "sound", "media_type"), [
    ("webm", "libopus", "audio/webm"), ("ogg", "libopus", "audio/ogg"), ("mp3", "libmp3lame", "audio/mpeg"), ("ipod", "aac", "audio/mp4"),
    ("wav", "pcm_s16le", "audio/wav"), ("adts", "aac", "audio/aac"), ("flac", "flac", "audio/flac"),
])
def test_a_sound_of_every_kind_is_measured(form: str, sound: str, media_type: str) -> None:
    found = looked_at(made.recording(form, 8, sound), purpose=Purpose.VOICE, limit_ms=VOICE_MS).inspection
    assert (found.media_type, found.form) == (media_type, Form.AUDIO)
    assert found.duration_ms is not None and abs(found.duration_ms - 8000) < 120
    assert 60 <= len(found.waveform) <= 64 and max(found.waveform) == 31
    assert max(found.waveform[:28]) < 15 < min(found.waveform[36:60]), "the first half is quiet"


@pytest.mark.parametrize(("form", "sound", "picture", "media_type"), [
    ("webm", "libopus", "libvpx", "video/webm"), ("webm", "", "libvpx-vp9", "video/webm"), ("mp4", "aac", "libx264", "video/mp4"),
    ("mov", "aac", "libx264", "video/quicktime"),
])
def test_a_video_of_every_kind_is_measured_and_shows_its_first_frame(form: str, sound: str, picture: str, media_type: str) -> None:
    found = looked_at(made.recording(form, 4, sound, picture), purpose=Purpose.VIDEO, limit_ms=VIDEO_MS)
    assert (found.inspection.media_type, found.inspection.form) == (media_type, Form.VIDEO)
    assert (found.inspection.width, found.inspection.height) == (160, 120)
    assert found.inspection.duration_ms is not None and abs(found.inspection.duration_ms - 4000) < 150
    assert Image.open(io.BytesIO(found.pictures["shown"])).size == (160, 120)


def test_the_length_is_counted_and_not_believed() -> None:
    long = made.recording("webm", 123, rate=8000)
    words = "This voice message is 123 seconds long; 120 is the most. Record it again a little shorter, or in two parts."
    for content in (long, made.without_duration(long)):
        assert words_for(content, "v.webm", Purpose.VOICE, VOICE_MS) == words
    assert looked_at(long).inspection.duration_ms, "as a file it may be as long as it is"
    assert words_for(made.recording("webm", 47, "", "libvpx"), "v.webm", Purpose.VIDEO, VIDEO_MS).startswith("This video is 47 seconds long; 45 is the most.")
    assert looked_at(made.recording("webm", 120.3, rate=8000), "v.webm", Purpose.VOICE, VOICE_MS), "recorders stop a moment late"


def test_recordings_one_behind_another_in_one_file_are_as_long_as_all_of_them() -> None:
    assert "150 seconds" in words_for(made.recording("ogg", 75, rate=8000) * 2, "v.ogg", Purpose.VOICE, VOICE_MS)


def test_a_cut_recording_is_as_long_as_it_goes() -> None:
    whole = made.without_duration(made.recording("webm", 60, rate=8000))
    found = looked_at(whole[: len(whole) // 2], "v.webm", Purpose.VOICE, VOICE_MS).inspection
    assert found.duration_ms is not None and 20_000 < found.duration_ms < 40_000


def test_what_was_recorded_fits_what_it_is_for() -> None:
    video, sound = made.recording("webm", 3, "libopus", "libvpx"), made.recording("webm", 3)
    assert words_for(video, purpose=Purpose.VOICE, limit_ms=VOICE_MS) == "This is a video and not a voice message. Send it as a file."
    assert words_for(made.recording("webm", 3, "", "libvpx"), purpose=Purpose.VOICE, limit_ms=VOICE_MS).startswith("There is no sound")
    assert words_for(sound, purpose=Purpose.VIDEO, limit_ms=VIDEO_MS).startswith("There is no picture")
    assert words_for(made.picture(), purpose=Purpose.VIDEO, limit_ms=VIDEO_MS).startswith("This is a photo (JPEG) and not a video.")
    assert words_for(video, purpose=Purpose.PHOTO).startswith("This is a video and not a photo. Choose a picture")
    assert words_for(b"Boris Brandt", "me.txt", Purpose.PHOTO).startswith("This is a text and not a photo.")
    assert looked_at(made.picture(), purpose=Purpose.PHOTO).inspection.shown


def test_of_a_pdf_the_first_page_is_shown() -> None:
    found = looked_at(made.pdf(3), "letter.pdf")
    assert (found.inspection.form, found.inspection.pages) == (Form.PDF, 3)
    page = Image.open(io.BytesIO(found.pictures["shown"]))
    assert max(page.size) == 2048 and page.convert("L").getextrema() == (0, 255), "black on white"


@pytest.mark.parametrize(("content", "media_type", "form"), [
    (made.docx(), "application/vnd.openxmlformats-officedocument.wordprocessingml.document", Form.OTHER),
    (made.odt(), "application/vnd.oasis.opendocument.text", Form.OTHER),
    (made.old_word("WordDocument"), "application/msword", Form.OTHER),
    (made.old_word("Workbook"), "application/vnd.ms-excel", Form.OTHER),
    (b"{\\rtf1\\ansi Dear colleague}", "application/rtf", Form.OTHER),
    (made.dicom(), "application/dicom", Form.OTHER),
    ("Blutdruck 120/80, größer\n".encode(), "text/plain", Form.TEXT),
    ("Blutdruck größer\n".encode("latin-1"), "text/plain", Form.TEXT),
    ("Кровяное давление\n".encode("utf-16"), "text/plain", Form.TEXT),
    (b"date,weight\n2026-01-01,80\n2026-01-02,81\n", "text/plain", Form.TEXT),
    (b"#include <stdio.h>\nint main(void) { return 0; }\n", "text/plain", Form.TEXT),
])
def test_documents_and_texts_are_kept_without_a_picture(content: bytes, media_type: str, form: Form) -> None:
    found = looked_at(content)
    assert (found.inspection.media_type, found.inspection.form, found.pictures) == (media_type, form, {})


def test_an_upload_is_stopped_by_its_beginning_where_that_says_enough() -> None:
    def early(content: bytes, name: str = "x", purpose: Purpose = Purpose.FILE, limit_ms: int | None = None) -> str | None:
        return inspecting.early(made.Bytes(content[:262_144]), name, purpose, BEGINS_WITH, limit_ms)

    assert "a program" in (early(made.EXE * 100) or "")
    long = made.recording("webm", 200, rate=8000)
    assert early(long) is None, "as a file it may be as long as it is"
    assert "200 seconds" in (early(long, purpose=Purpose.VOICE, limit_ms=VOICE_MS) or ""), "its header says so"
    unsaid = made.without_duration(made.recording("webm", 60, rate=8000))
    assert "is the most" in (early(unsaid, purpose=Purpose.VOICE, limit_ms=2000) or ""), "its packets show it"
    assert early(made.without_duration(made.recording("webm", 100, rate=8000)), purpose=Purpose.VOICE, limit_ms=VOICE_MS) is None
    for good in (made.picture("JPEG", (3000, 2000), quality=100), made.pdf(), made.docx(), made.recording("mp4", 10, "aac", "libx264"), b"a text\n" * 60_000):
        assert early(good) is None
    assert early(made.picture("PNG", (3000, 2000))[:5000]) is None, "what is cut is no fault"
