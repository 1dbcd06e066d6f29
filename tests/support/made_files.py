"""Files that tests make themselves, good ones and hostile ones; no binary is kept in the repository. Imports Pillow, PyAV, fpdf2."""

from __future__ import annotations

import array
import functools
import io
import math
import struct
import zipfile
import zlib
from typing import Any

import av
from fpdf import FPDF
from PIL import Image

EXE = b"MZ\x90\0\3\0\0\0\4\0\0\0\xff\xff\0\0\xb8" + bytes(43) + b"\x80\0\0\0" + bytes(64) + b"PE\0\0\x64\x86" + bytes(4000)
ELF = b"\x7fELF\2\1\1" + bytes(9) + b"\3\0\x3e\0\1\0\0\0" + bytes(4000)


class Bytes:
    """A source that is in memory (clinic.file.media.Source)."""

    def __init__(self, content: bytes) -> None:
        self.content, self.size, self.given = content, len(content), 0

    def read(self, offset: int, length: int) -> bytes:
        self.given += length
        return self.content[offset : offset + length]


def picture(form: str = "JPEG", size: tuple[int, int] = (640, 480), mode: str = "RGB", **options: Any) -> bytes:
    """Return a picture: red on the left, blue on the right."""
    image = Image.new("RGB", size, (200, 30, 30))
    image.paste((30, 30, 200), (size[0] // 2, 0, size[0], size[1]))
    out = io.BytesIO()
    image.convert(mode).save(out, form, **options)
    return out.getvalue()


def photo_with_place() -> bytes:
    """Return a photo as a phone takes it upright: lying, with an orientation and with where it was taken."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "SecretPhone"
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 12.0, 30.0), 3: "E", 4: (16.0, 22.0, 10.0)})
    return picture(exif=exif)


def moving(frames: int = 3) -> bytes:
    images = [Image.new("L", (8, 8), number % 2 * 255) for number in range(frames)]
    out = io.BytesIO()
    images[0].save(out, "GIF", save_all=True, append_images=images[1:], duration=40)
    return out.getvalue()


def heic() -> bytes:
    """Return the smallest that says it is a photo of an iPhone; it holds none."""
    return struct.pack("!I4s4sI4s4s", 24, b"ftyp", b"heic", 0, b"mif1", b"heic") + struct.pack("!I4sI", 12, b"meta", 0)


def pixel_bomb(width: int = 30_000, height: int = 30_000) -> bytes:
    """Return a PNG of a few hundred kilobytes that unpacks to hundreds of megabytes."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack("!I", len(content)) + name + content + struct.pack("!I", zlib.crc32(name + content))

    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(width // 8 + 1)) for _ in range(height)) + packer.flush()
    header = struct.pack("!IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


AS_BROWSERS_DO = {"webm": {"live": "1"}, "mp4": {"movflags": "frag_keyframe+empty_moov+default_base_moof", "frag_duration": "250000"}}
"""How a container is written that nobody goes back to: no length, no cues, an MP4 in fragments."""


@functools.cache
def recording(
    form: str = "webm", seconds: float = 3, sound: str = "libopus", picture: str = "", rate: int = 48_000, *, by_browser: bool = False
) -> bytes:
    """Return a recording: a tone that is quiet in its first half, and with `picture` (an encoder) a grey that becomes lighter.

    by_browser: it says nothing of its length.
    """
    out = io.BytesIO()
    with av.open(out, "w", format=form, options=AS_BROWSERS_DO[form] if by_browser else {}) as container:
        coding = {"deadline": "realtime", "cpu-used": "8"} if "vpx" in picture else {"tune": "zerolatency"} if by_browser else {}
        video: Any = container.add_stream(picture, rate=5, options=coding) if picture else None
        audio: Any = container.add_stream(sound, rate=rate) if sound else None
        if video is not None:
            video.width, video.height, video.pix_fmt = 160, 120, "yuv420p"
        if audio is not None:
            tone = [array.array("h", (int(loud * math.sin(at * 0.06)) for at in range(rate))).tobytes() for loud in (1500, 15_000)]
            for second in range(math.ceil(seconds)):
                length = round(rate * min(1.0, seconds - second))
                frame = av.AudioFrame(format="s16", layout="mono", samples=length)
                frame.planes[0].update(tone[second >= seconds / 2][: length * 2].ljust(frame.planes[0].buffer_size, b"\0"))
                frame.sample_rate, frame.pts = rate, second * rate
                container.mux(audio.encode(frame))
            container.mux(audio.encode())
        if video is not None:
            for number in range(round(seconds * 5)):
                grey = av.VideoFrame(160, 120, "yuv420p")
                for plane in grey.planes:
                    plane.update(bytes([128 + number % 100]) * plane.buffer_size)
                grey.pts = number
                container.mux(video.encode(grey))
            container.mux(video.encode())
    return out.getvalue()


def without_duration(webm: bytes) -> bytes:
    """Return a recording as a browser makes it: its header says nothing of its length."""
    at = webm.index(b"\x44\x89\x88")
    return webm[:at] + b"\xec\x89" + bytes(9) + webm[at + 11 :]


def pdf(pages: int = 2, action: str = "") -> bytes:
    """Return a PDF. action: a program that is to run when it is opened."""
    made = FPDF()
    made.set_font("Helvetica", size=30)
    for number in range(pages):
        made.add_page()
        made.cell(text=f"Page {number + 1}")
    content = bytes(made.output())
    return content.replace(b"/Type /Catalog", b"/Type /Catalog\n/OpenAction << " + action.encode() + b" >>") if action else content


def archive(parts: dict[str, bytes], packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", packing) as made:
        for name, content in parts.items():
            made.writestr(name, content)
    return out.getvalue()


def docx(main: str = "document.main+xml", **more: bytes) -> bytes:
    types = f'<Types><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.{main}"/></Types>'
    if "macro" in main:
        types = types.replace("openxmlformats-officedocument.wordprocessingml.", "ms-word.")
    return archive({"[Content_Types].xml": types.encode(), "_rels/.rels": b"<Relationships/>", "word/document.xml": b"<w:document/>", **more})


def odt() -> bytes:
    return archive({"mimetype": b"application/vnd.oasis.opendocument.text", "content.xml": b"<office:document-content/>"}, zipfile.ZIP_STORED)


def old_word(*names: str) -> bytes:
    """Return a compound file with entries of these names in its directory. Source: MS-CFB."""
    header = bytearray(512)
    header[:8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    struct.pack_into("<HHHHH", header, 24, 0x3E, 3, 0xFFFE, 9, 6)
    struct.pack_into("<IIIIIIII", header, 44, 1, 1, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0)
    header[76:512] = b"\xff" * 436
    struct.pack_into("<I", header, 76, 0)
    table = struct.pack("<III", 0xFFFFFFFD, 0xFFFFFFFE, 0xFFFFFFFE).ljust(512, b"\xff")
    entries = b"".join(
        name.encode("utf-16-le").ljust(64, b"\0") + struct.pack("<HBB", len(name) * 2 + 2, kind, 1) + bytes(60)
        for name, kind in (("Root Entry", 5), *((name, 2) for name in names))
    )
    return bytes(header) + table + entries.ljust(512, b"\0") + bytes(2048)


def zip_bomb() -> bytes:
    """Return a small archive that says it unpacks to two gigabytes."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    content = packer.compress(bytes(20_000_000)) + packer.flush()
    name = b"zeros"
    fields = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 0x5921, 0, len(content), 2_000_000_000, len(name), 0)
    local = b"PK\3\4" + fields + name + content
    central = b"PK\1\2" + struct.pack("<H", 20) + fields + struct.pack("<HHHII", 0, 0, 0, 0, 0) + name
    return local + central + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local), 0)


def dicom() -> bytes:
    return bytes(128) + b"DICM\2\0\0\0UL\4\0\x8c\0\0\0\2\0\1\0OB\0\0\2\0\0\0\0\1" + bytes(600)


def with_long_tag(mp3: bytes, length: int = 3_000_000) -> bytes:
    """Return a sound behind a tag of ID3 that is longer than what is looked at for its kind."""
    sizes = bytes(length >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\3\0\0" + sizes + bytes(length) + mp3


def swf() -> bytes:
    return b"FWS\x09" + struct.pack("<I", 4000) + b"\x78\0\5\x5f\0\0\x0f\xa0\0\0\x0c\1\0" + bytes(4000)
