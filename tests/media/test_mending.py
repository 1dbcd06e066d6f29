"""Recordings that leave out their length, as browsers make them: made anew with it, packet by packet; or left as they came. The real sandbox."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import av
import pytest

from clinic.file.allowed import BEGINS_WITH
from clinic.file.media import Form, Purpose
from tests.support import made_files as made
from web.media import inspecting, sandbox
from web.media.inspecting import Derived

BY_BROWSERS = {
    "a sound as WebM": ("webm", "libopus", ""),
    "a video as WebM": ("webm", "libopus", "libvpx"),
    "a video without sound": ("webm", "", "libvpx-vp9"),
    "a sound as MP4": ("mp4", "aac", ""),
    "a sound as MP4 that holds Opus": ("mp4", "libopus", ""),
    "a video as MP4": ("mp4", "aac", "libx264"),
}
Packets = dict[str, list[tuple[float, bytes]]]


@pytest.fixture(scope="module", autouse=True)
def ended() -> Iterator[None]:
    yield
    inspecting.close()


def looked_at(content: bytes, purpose: Purpose = Purpose.FILE) -> Derived:
    return inspecting.inspect(made.Bytes(content), "recording", purpose, BEGINS_WITH)


def mended(content: bytes) -> bytes:
    found = looked_at(content).whole
    assert found is not None
    return found


def length_of(content: bytes) -> float:
    """Return how long a recording says that it is, in seconds; 0 where it does not."""
    with av.open(io.BytesIO(content)) as container:
        return (container.duration or 0) / 1e6


def packets(content: bytes) -> Packets:
    """Return what a recording holds: of each stream the packets, with their seconds."""
    found: Packets = {}
    with av.open(io.BytesIO(content)) as container:
        for packet in container.demux():
            if packet.size:
                name = f"{packet.stream.type} {packet.stream.codec_context.name} {bytes(packet.stream.codec_context.extradata or b'').hex()}"
                found.setdefault(name, []).append((float((packet.pts or 0) * packet.time_base), bytes(packet)))
    return found


@pytest.mark.parametrize("what", BY_BROWSERS)
def test_a_recording_gets_its_length_and_keeps_each_packet(what: str) -> None:
    form, sound, picture = BY_BROWSERS[what]
    content = made.recording(form, 6, sound, picture, by_browser=True)
    found = looked_at(content)
    assert found.whole is not None and found.whole != content
    assert abs(length_of(found.whole) - 6) < 0.25
    came, kept = packets(content), packets(found.whole)
    assert kept.keys() == came.keys()
    for name, of_stream in came.items():
        assert [data for _, data in kept[name]] == [data for _, data in of_stream], "nothing is encoded anew"
        assert all(abs(mine - theirs) < 0.003 for (mine, _), (theirs, _) in zip(kept[name], of_stream, strict=True)), "each at its time"
    assert looked_at(found.whole).whole is None, "it says its length now"
    assert found.inspection.form is (Form.VIDEO if picture else Form.AUDIO) and abs((found.inspection.duration_ms or 0) - 6000) < 250


@pytest.mark.parametrize("what", BY_BROWSERS)
def test_twice_makes_the_same_bytes(what: str) -> None:
    form, sound, picture = BY_BROWSERS[what]
    content = made.recording(form, 3, sound, picture, by_browser=True)
    assert mended(content) == mended(content), "a worker that is killed and begins anew keeps the same"


class Followed(io.BytesIO):
    """A file that tells how much of it was read."""

    given = 0

    def read(self, size: int | None = -1, /) -> bytes:
        found = super().read(size)
        self.given += len(found)
        return found


@pytest.mark.parametrize(("form", "sound", "picture"), [("webm", "libopus", ""), ("webm", "libopus", "libvpx"), ("mp4", "aac", "libx264")])
def test_its_middle_is_found_without_reading_what_lies_before(form: str, sound: str, picture: str) -> None:
    content = mended(made.recording(form, 100, sound, picture, by_browser=True))
    file = Followed(content)
    with av.open(file, buffer_size=4096, options={"probesize": "20000", "analyzeduration": "0"}) as container:
        container.seek(50_000_000)
        packet = next(one for one in container.demux() if one.size)
        assert packet.pts is not None and 25 < float(packet.pts * packet.time_base) <= 50.1, "the picture that can be drawn alone before it"
    assert file.given < len(content) / 3


def test_an_mp4_begins_with_what_leads_to_its_packets() -> None:
    content = mended(made.recording("mp4", 6, "aac", "libx264", by_browser=True))
    assert b"moof" not in content and 0 < content.index(b"moov") < content.index(b"mdat") - 4 < 20_000
    assert b"Lavc" not in content[: content.index(b"mdat")], "nothing of what it was made with"


def test_a_recording_whose_clock_began_earlier_begins_at_its_beginning() -> None:
    late = io.BytesIO()
    with av.open(io.BytesIO(made.recording("webm", 4))) as container, av.open(late, "w", format="webm", options={"live": "1", "output_ts_offset": "30"}) as out:
        stream = out.add_stream_from_template(container.streams.audio[0])
        for packet in container.demux():
            if packet.size:
                packet.stream = stream
                out.mux(packet)
    assert 29 < packets(late.getvalue()).popitem()[1][0][0] < 31, "the control"
    found = looked_at(late.getvalue())
    assert found.whole is not None and 3900 < (found.inspection.duration_ms or 0) < 4100
    assert abs(length_of(found.whole) - 4) < 0.1


@pytest.mark.parametrize(("form", "sound", "picture"), [
    ("webm", "libopus", ""), ("webm", "libopus", "libvpx"), ("mp4", "aac", "libx264"), ("mov", "aac", "libx264"), ("ipod", "aac", ""),
    ("ogg", "libopus", ""), ("mp3", "libmp3lame", ""), ("adts", "aac", ""), ("wav", "pcm_s16le", ""),
])
def test_what_says_its_length_or_needs_none_stays_as_it_came(form: str, sound: str, picture: str) -> None:
    assert looked_at(made.recording(form, 4, sound, picture)).whole is None


def test_a_recording_that_was_cut_is_kept_as_far_as_it_goes() -> None:
    content = made.recording("webm", 60, rate=8000, by_browser=True)
    found = looked_at(content[: len(content) // 2], Purpose.VOICE)
    assert found.whole is not None and 20_000 < (found.inspection.duration_ms or 0) < 40_000
    assert abs(length_of(found.whole) * 1000 - (found.inspection.duration_ms or 0)) < 100


# Where it fails the recording stays as it came.


def only_mending(monkeypatch: pytest.MonkeyPatch, result: sandbox.Result | Exception) -> None:
    """Have the process that makes recordings anew answer this; the looks are real."""
    real = sandbox.Sandbox.run

    def run(self: sandbox.Sandbox, task: str, *given: Any, **more: Any) -> sandbox.Result:
        if task != "mend":
            return real(self, task, *given, **more)
        if isinstance(result, Exception):
            raise result
        return result

    monkeypatch.setattr(sandbox.Sandbox, "run", run)


@pytest.mark.parametrize("failure", [sandbox.Died("ended"), sandbox.TooSlow(), sandbox.Refused("damaged", {"thing": "video/mp4"})])
def test_where_it_fails_the_recording_stays_as_it_came(monkeypatch: pytest.MonkeyPatch, failure: Exception) -> None:
    content = made.recording("webm", 3, "libopus", "libvpx", by_browser=True)
    whole = looked_at(content)
    only_mending(monkeypatch, failure)
    found = looked_at(content)
    assert found.whole is None and whole.whole is not None
    assert (found.inspection, set(found.pictures)) == (whole.inspection, {"shown", "thumb"})


@pytest.mark.parametrize("instead", [
    b"", made.EXE, made.picture(), made.recording("webm", 3)[:200], made.recording("webm", 30), made.recording("ogg", 3),
    made.recording("webm", 3, "libopus", "libvpx"), made.recording("webm", 3, by_browser=True), made.recording("webm", 3) + made.archive({"a": b"b" * 100}),
])
def test_what_is_made_of_it_is_looked_at_like_what_comes(monkeypatch: pytest.MonkeyPatch, instead: bytes) -> None:
    content = made.recording("webm", 3, by_browser=True)
    only_mending(monkeypatch, sandbox.Result({}, {"whole": instead}))
    assert looked_at(content).whole is None
    only_mending(monkeypatch, sandbox.Result({}, {}))
    assert looked_at(content).whole is None
    only_mending(monkeypatch, sandbox.Result({}, {"whole": made.recording("webm", 3)}))
    assert looked_at(content).whole == made.recording("webm", 3), "the control: one that is alike is taken"


def test_a_recording_that_is_too_large_to_be_held_stays_as_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    content = made.recording("webm", 3, by_browser=True)
    monkeypatch.setattr(inspecting, "MOST_MENDED_BYTES", len(content) - 1)
    assert looked_at(content).whole is None
    monkeypatch.setattr(inspecting, "MOST_MENDED_BYTES", len(content))
    assert looked_at(content).whole is not None
