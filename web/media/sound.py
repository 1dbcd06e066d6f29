"""Reads sounds and videos: how long they are, how loud, and one frame; puts recordings into whole containers. Imports PyAV alone; runs inside the sandbox.

The format is the one that our own signs name, never what the library guesses; the length is counted from the packets, never read from a header.
"""

from __future__ import annotations

import array
import contextlib
import importlib
import io
import pkgutil
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import av
import av.error

from web.media import lengths
from web.media.found import Found, Pictures, Refused
from web.media.pictures import MOST_PIXELS, SHOWN_PIXELS, with_pictures
from web.media.signs import Kind

if TYPE_CHECKING:
    from web.media.child import RemoteFile

RATE, BARS, LOUDEST = 8000, 64, 31
STOP_MS = 3_700_000
"""Where counting stops for what has a limit: past it only "more than an hour" is said."""
WAVE_SECONDS = 900
"""How much of a sound is decoded for its picture; of what is longer none is made."""
BUSY_SECONDS = 6.0
SHORTEST_MS = 100
SOUNDS = frozenset("opus vorbis aac mp3 mp3float flac alac amrnb amr_nb amrwb amr_wb pcm_s16le pcm_s24le pcm_s32le pcm_u8 pcm_f32le pcm_alaw pcm_mulaw".split())
VIDEOS = frozenset("h264 hevc vp8 vp9 av1 libdav1d libvpx-vp9 libvpx mpeg4 h263".split())
# What a kind is called by whether there is a picture in it.
_TYPES = {
    "matroska": ("audio/webm", "video/webm"), "mp4": ("audio/mp4", "video/mp4"), "ogg": ("audio/ogg", "video/ogg"),
}
# What WebM holds; with anything else the same container is a plain Matroska.
_OF_WEBM = frozenset("opus vorbis vp8 vp9 libvpx libvpx-vp9 av1 libdav1d".split())
_NOT_READING = ("av.__main__", "av.datasets")
_CALM = {"threads": "1"}


def prepare() -> None:
    """Load the parts of the library that it would otherwise load as it meets them, and keep it quiet."""
    for part in pkgutil.walk_packages(av.__path__, "av."):
        if part.name not in _NOT_READING:
            importlib.import_module(part.name)
    av.logging.set_level(av.logging.PANIC)
    av.AudioResampler(format="s16", layout="mono", rate=RATE)
    _image(av.VideoFrame(4, 4, "yuv420p"), 4, 4)


def read(file: RemoteFile, kind: Kind, purpose: str, limit_ms: int | None) -> tuple[Found, Pictures]:
    """Look at a sound or a video. limit_ms: how long it may be. Returns: what it is, and of a video one frame. Raises: Refused."""
    damaged = Refused("damaged", thing=kind.media_type)
    try:
        with _opened(file, kind) as container:
            sound, video = _streams(container)
            _refuse_other_purposes(kind, purpose, sound, video)
            form = "video" if video is not None else "audio"
            media_type = _TYPES.get(kind.name, (kind.media_type, kind.media_type))[video is not None]
            if container.format.name.startswith("mov") and file.at(8, 2) == b"qt":
                media_type = "video/quicktime" if video is not None else media_type
            duration_ms = _counted(container, [one for one in (sound, video) if one is not None], STOP_MS if limit_ms is not None else None)
    except (av.error.FFmpegError, EOFError, ValueError, OverflowError) as error:
        raise damaged from error
    _refuse_long(purpose, duration_ms, limit_ms)
    if duration_ms < SHORTEST_MS:
        raise Refused("short") if purpose != "file" else damaged
    found: Found = {"media_type": media_type, "form": form, "duration_ms": duration_ms, "unsaid": lengths.unsaid(file, kind.name)}
    if form == "audio":
        return {**found, "waveform": _waveform(file, kind, duration_ms)}, {}
    return _with_frame(file, kind, found)


def peek(file: RemoteFile, kind: Kind, purpose: str, limit_ms: int) -> None:
    """Look at the beginning of a recording whose rest is on its way. Raises: Refused where it is too long already, or says so."""
    with contextlib.suppress(av.error.FFmpegError, EOFError, ValueError, OverflowError), _opened(file, kind) as container:
        streams = [stream for stream in _streams(container) if stream is not None]
        said = max((float(one.duration * one.time_base) * 1000 for one in streams if one.duration and one.time_base), default=0.0)
        said = max(said, (container.duration or 0) / 1000)
        if said > limit_ms:
            _refuse_long(purpose, int(min(said, STOP_MS)), limit_ms)
        # What is there of it may be cut in the middle of a packet, which is no fault: only how far it goes counts.
        _refuse_long(purpose, _counted(container, streams, STOP_MS), limit_ms)


def mend(file: RemoteFile, kind: Kind) -> bytes:
    """Return a recording anew, with its length and with places to seek to: the same sound and picture, packet by packet, in a whole container.

    Twice makes the same bytes. Raises: Refused where it is none that can be mended so.
    """
    try:
        made = _muxed(file, kind)
        if kind.name == "mp4":
            # What leads to the packets shall stand in front of them, for which its size must be known: its content, its head, and that of an empty box behind.
            content = next(end - start for name, start, end in lengths.boxes(_Written(made), 0, len(made)) if name == b"moov")
            made = _muxed(file, kind, moov_size=str(content + 8 + 8))
    except (av.error.FFmpegError, EOFError, ValueError, OverflowError, MemoryError, StopIteration) as error:
        raise Refused("damaged", thing=kind.media_type) from error
    return made


class _Written:
    """What was written, as `lengths` reads it."""

    def __init__(self, content: bytes) -> None:
        self.content, self.size = content, len(content)

    def at(self, offset: int, length: int) -> bytes:
        return self.content[offset : offset + length]


def _muxed(file: RemoteFile, kind: Kind, **options: str) -> bytes:
    """Returns all packets of a recording in a container of their own."""
    out = io.BytesIO()
    with _opened(file, kind) as container:
        streams = sorted((one for one in _streams(container) if one is not None), key=lambda one: one.index)
        if len(streams) != len(container.streams):
            raise ValueError("no browser records so")
        names = {one.codec_context.name for one in streams}
        form = "mp4" if kind.name == "mp4" else "webm" if names <= _OF_WEBM else "matroska"
        begins = {"output_ts_offset": f"-{container.start_time}us"} if (container.start_time or 0) > 0 else {}
        with av.open(out, "w", format=form, options={"fflags": "+bitexact", **begins, **options}) as made:
            into = {one.index: made.add_stream_from_template(one, opaque=True) for one in streams}
            for packet in container.demux(*streams):
                if packet.size:
                    packet.stream = into[packet.stream_index]
                    made.mux(packet)
    return out.getvalue()


@contextlib.contextmanager
def _opened(file: RemoteFile, kind: Kind) -> Iterator[av.container.InputContainer]:
    file.seek(0)
    container = av.open(
        file, mode="r", format=kind.form, buffer_size=131_072, metadata_errors="replace", options={**_CALM, "enable_drefs": "0", "probesize": "2000000"}
    )
    try:
        for stream in container.streams:
            if stream.codec_context is not None:
                stream.codec_context.thread_count = 1
        yield container
    finally:
        container.close()


def _streams(container: av.container.InputContainer) -> tuple[Any, Any]:
    """Returns the first sound and the first picture that moves of those that can be played, None where there is none. Raises: Refused."""
    sounds = [one for one in container.streams.audio if one.codec_context is not None]
    videos = [one for one in container.streams.video if one.codec_context is not None and not one.disposition & av.stream.Disposition.attached_pic]
    unknown = [one for one in (*sounds, *videos) if one.codec_context.name not in SOUNDS | VIDEOS]
    if unknown or not (sounds or videos):
        raise Refused("codec", thing="video/mp4" if videos else "audio/mp4")
    return sounds[0] if sounds else None, videos[0] if videos else None


def _refuse_other_purposes(kind: Kind, purpose: str, sound: Any, video: Any) -> None:
    if purpose == "voice" and sound is None:
        raise Refused("no_sound")
    if purpose == "voice" and video is not None:
        raise Refused("no_voice", thing="video/mp4")
    if purpose == "video" and video is None:
        raise Refused("no_picture")


def _refuse_long(purpose: str, duration_ms: int, limit_ms: int | None) -> None:
    if limit_ms is not None and duration_ms > limit_ms:
        raise Refused(f"{purpose}_long", found=duration_ms, most=limit_ms // 1000 * 1000)


def _counted(container: av.container.InputContainer, streams: list[Any], stop_ms: int | None) -> int:
    """Returns how long the longest of some streams is, in milliseconds: from its first packet's time to its last one's end, or all packets
    together, where their times begin anew in the middle. A file that ends in the middle of a packet is as long as it goes."""
    first: dict[int, float] = {}
    last: dict[int, float] = {}
    whole: dict[int, float] = {}
    began = time.monotonic()
    try:
        for count, packet in enumerate(container.demux(*streams)):
            number, base = packet.stream_index, packet.time_base
            at = packet.pts if packet.pts is not None else packet.dts
            if at is None or not base:
                continue
            start, lasts = float(at * base), float((packet.duration or 0) * base)
            first[number] = min(first.get(number, start), start)
            last[number] = max(last.get(number, start), start + lasts)
            whole[number] = whole.get(number, 0.0) + lasts
            longest = max(last[number] - first[number], whole[number])
            if stop_ms is not None and longest * 1000 > stop_ms:
                break
            if count % 1024 == 0 and time.monotonic() - began > BUSY_SECONDS:
                break
    except av.error.FFmpegError:
        if not last:
            raise
    return round(1000 * max((max(last[one] - first[one], whole[one]) for one in last), default=0))


def _waveform(file: RemoteFile, kind: Kind, duration_ms: int) -> list[int]:
    """Returns how loud a sound is over its time, BARS values from 0 to LOUDEST; nothing where it cannot be decoded."""
    if duration_ms > WAVE_SECONDS * 1000:
        return []
    step = max(1, duration_ms * RATE // 1000 // BARS)
    peaks: list[int] = []
    rest = array.array("h")
    began = time.monotonic()
    with contextlib.suppress(av.error.FFmpegError, EOFError, ValueError), _opened(file, kind) as container:
        sound, _ = _streams(container)
        resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
        for frame in container.decode(sound):
            frame.pts = None
            for part in resampler.resample(frame):
                rest.frombytes(bytes(part.planes[0])[: part.samples * 2])
            while len(rest) >= step:
                peaks.append(max(max(rest[:step]), -min(rest[:step])))
                del rest[:step]
            if len(peaks) >= BARS or time.monotonic() - began > BUSY_SECONDS:
                break
    if len(rest) > step // 2 and len(peaks) < BARS:
        peaks.append(max(max(rest), -min(rest)))
    loudest = max(peaks, default=0)
    # As loud as it is heard: the root makes quiet words visible beside loud ones.
    return [round(LOUDEST * (min(peak, loudest) / loudest) ** 0.5) if loudest > 64 else 0 for peak in peaks[:BARS]]


def _with_frame(file: RemoteFile, kind: Kind, found: Found) -> tuple[Found, Pictures]:
    """Returns what was found with a video's size and pictures of its first frame, as far as it can be decoded."""
    with contextlib.suppress(av.error.FFmpegError, EOFError, ValueError, MemoryError, StopIteration), _opened(file, kind) as container:
        _, video = _streams(container)
        if video.codec_context.width * video.codec_context.height > MOST_PIXELS:
            raise Refused("pixels", found=video.codec_context.width * video.codec_context.height // 1_000_000, most=MOST_PIXELS // 1_000_000)
        frame = next(container.decode(video))
        width, height, turned = frame.width, frame.height, frame.rotation
        if not 0 < width * height <= MOST_PIXELS:
            return found, {}
        scale = min(1.0, SHOWN_PIXELS / max(width, height))
        image = _image(frame, max(1, int(width * scale)), max(1, int(height * scale)))
        if turned % 360:
            image = image.rotate(turned, expand=True)
        if turned % 180:
            width, height = height, width
        return with_pictures({**found, "width": width, "height": height}, image)
    return found, {}


def _image(frame: Any, width: int, height: int) -> Any:
    return frame.reformat(width=width, height=height, format="rgb24", threads=1).to_image()
