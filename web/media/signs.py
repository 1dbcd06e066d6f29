"""What a file is by its first bytes. Standard library only; runs inside the sandbox.

Our own signs name the kind and with it the one reader that is let near it. What libmagic says of the same bytes must agree (`agrees`): a file that is
two things at once is nobody's photo.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

HEAD_BYTES = 262_144
"""How much of a file is looked at for its kind."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file. reader: who reads it ("picture", "pdf", "sound", "zip", "ole", "" for nobody), form: the one format that reader may use.

    magic: what libmagic may call it, besides nothing at all.
    """

    name: str
    media_type: str
    reader: str = ""
    form: str = ""
    magic: tuple[str, ...] = ()


_SOUND = {
    "ogg": Kind("ogg", "audio/ogg", "sound", "ogg", ("audio/ogg", "video/ogg", "application/ogg")),
    "matroska": Kind("matroska", "video/webm", "sound", "matroska", ("video/webm", "audio/webm", "video/x-matroska", "audio/x-matroska")),
    "mp4": Kind("mp4", "video/mp4", "sound", "mov", ("video/mp4", "audio/mp4", "audio/x-m4a", "video/x-m4v", "video/quicktime", "video/3gpp", "video/3gpp2")),
    "mp3": Kind("mp3", "audio/mpeg", "sound", "mp3", ("audio/mpeg", "audio/mpegapplication/octet-stream")),
    "aac": Kind("aac", "audio/aac", "sound", "aac", ("audio/aac", "audio/x-aac", "audio/x-hx-aac-adts")),
    "wav": Kind("wav", "audio/wav", "sound", "wav", ("audio/wav", "audio/x-wav", "audio/vnd.wave")),
    "flac": Kind("flac", "audio/flac", "sound", "flac", ("audio/flac", "audio/x-flac")),
    "amr": Kind("amr", "audio/amr", "sound", "amr", ("audio/amr", "audio/AMR")),
}
_PICTURES = {
    "jpeg": Kind("jpeg", "image/jpeg", "picture", "JPEG", ("image/jpeg",)),
    "png": Kind("png", "image/png", "picture", "PNG", ("image/png", "image/apng")),
    "gif": Kind("gif", "image/gif", "picture", "GIF", ("image/gif",)),
    "webp": Kind("webp", "image/webp", "picture", "WEBP", ("image/webp",)),
    "bmp": Kind("bmp", "image/bmp", "picture", "BMP", ("image/bmp", "image/x-ms-bmp")),
    "tiff": Kind("tiff", "image/tiff", "picture", "TIFF", ("image/tiff",)),
    "heic": Kind("heic", "image/heic", "picture", "HEIF", ("image/heic", "image/heif", "image/heic-sequence", "image/heif-sequence")),
    "avif": Kind("avif", "image/avif", "picture", "AVIF", ("image/avif", "image/avif-sequence")),
}
_OTHERS = {
    "pdf": Kind("pdf", "application/pdf", "pdf", "", ("application/pdf",)),
    "dicom": Kind("dicom", "application/dicom", "", "", ("application/dicom",)),
    "rtf": Kind("rtf", "application/rtf", "", "", ("text/rtf", "application/rtf")),
    "zip": Kind("zip", "application/zip", "zip"),
    "ole": Kind("ole", "application/x-ole-storage", "ole"),
    "7z": Kind("7z", "application/x-7z-compressed", "", "", ("application/x-7z-compressed",)),
    "rar": Kind("rar", "application/vnd.rar", "", "", ("application/x-rar", "application/vnd.rar")),
    "gzip": Kind("gzip", "application/gzip", "", "", ("application/gzip", "application/x-gzip")),
    "text": Kind("text", "text/plain", "text"),
}
KINDS = {**_PICTURES, **_SOUND, **_OTHERS}

_STARTS = (
    (b"\xff\xd8\xff", "jpeg"), (b"\x89PNG\r\n\x1a\n", "png"), (b"GIF87a", "gif"), (b"GIF89a", "gif"), (b"II*\0", "tiff"), (b"MM\0*", "tiff"),
    (b"%PDF-", "pdf"), (b"OggS\0", "ogg"), (b"\x1a\x45\xdf\xa3", "matroska"), (b"fLaC", "flac"), (b"#!AMR", "amr"), (b"ID3", "mp3"),
    (b"{\\rtf", "rtf"), (b"PK\3\4", "zip"), (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"), (b"7z\xbc\xaf\x27\x1c", "7z"), (b"Rar!\x1a\x07", "rar"),
    (b"\x1f\x8b\x08", "gzip"),
)
_STILLS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_AVIF = (b"avif", b"avis")

# Texts that a browser, a player or a system would not read as a text, by how they begin.
_GUISES = (
    ("page", re.compile(
        rb"<(?:!doctype|!--|\?xml|\?php|html|head|body|script|iframe|svg|style|title|table|div|font|img|meta|link|base|form|object|embed|math|template|"
        rb"h1|br|a|b|p)(?=[\s>/!])|<!--|<\?xml|<!doctype", re.IGNORECASE,
    )),
    ("program", re.compile(rb"#!|<\?php|@echo off|\[internetshortcut\]|\[desktop entry\]|windows registry editor", re.IGNORECASE)),
    ("playlist", re.compile(rb"#extm3u|ffconcat version|\[playlist\]|\[reference\]|<asx", re.IGNORECASE)),
)
_MAIL = re.compile(rb"^(?:mime-version:|content-type:\s*(?:multipart/|text/html))", re.IGNORECASE | re.MULTILINE)
# What libmagic calls texts that are not to be kept as such, whatever else they are.
NO_TEXTS = {
    "text/html": "page", "image/svg+xml": "page", "text/xml": "page", "application/xml": "page", "application/xhtml+xml": "page", "text/x-php": "program",
    "text/x-msdos-batch": "program", "text/x-shellscript": "program", "message/rfc822": "mail", "application/x-mswinurl": "program",
    "application/vnd.apple.mpegurl": "playlist", "audio/x-mpegurl": "playlist",
}
# Ends of names under which a machine runs what it should read, or fetches what the file names.
RUN_BY_NAME = frozenset(
    "ade adp apk app appx asx bat bin cab chm cmd com command cpl crx deb desktop dll dmg docm dotm exe gadget hta htm html hlp img inf ins iso isp jar "
    "jnlp js jse ksh lnk m3u m3u8 mde mht mhtml mjs msc msh msi msp mst ocx php pif pkg pl pls potm ppam pptm ps1 ps2 psc1 psm1 py pyc reg rpm scf scr sct "
    "sh shtml sldm svg svgz swf sys url vb vbe vbs vhd ws wsc wsf wsh xht xhtml xlam xll xlsm xltm xml xsl xslt xpi zsh".split()
)


def kind_of(head: bytes, whole: bool) -> Kind | None:
    """Return what a file's first bytes say that it is, None for what we have no sign of. whole: these are all of its bytes."""
    for start, name in _STARTS:
        if head.startswith(start):
            return KINDS[name]
    if head[4:8] == b"ftyp":
        return KINDS[_box(head)]
    if head[:4] == b"RIFF":
        return KINDS.get({b"WEBP": "webp", b"WAVE": "wav"}.get(head[8:12], ""))
    if head[:2] == b"BM" and len(head) > 26 and head[6:10] == b"\0\0\0\0":
        return KINDS["bmp"]
    if head[128:132] == b"DICM":
        return KINDS["dicom"]
    if len(head) > 4 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        return KINDS["aac"]
    if len(head) > 4 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2:  # a frame of layer III
        return KINDS["mp3"]
    return KINDS["text"] if is_text(head, whole) else None


def _box(head: bytes) -> str:
    """Says which of its many relatives an ISO file is: by its brand, and by those that it says to be compatible with."""
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, min(int.from_bytes(head[:4], "big"), 256), 4))]
    if brands[0] not in _STILLS + _AVIF:
        return "mp4"
    return "avif" if any(brand in _AVIF for brand in brands) else "heic"


def is_text(head: bytes, whole: bool) -> bool:
    """Return whether bytes are a text in one of the encodings in use."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            words = (head if whole else head[: len(head) // 2 * 2 - 2]).decode("utf-16")
        except UnicodeDecodeError:
            return False
        return not any(ord(char) < 32 and char not in "\t\n\r\f" for char in words)
    return not any(byte in head for byte in (*range(9), 11, *range(14, 27), *range(28, 32), 127))


def guise(head: bytes) -> str:
    """Return what a text is that is more than a text: "page", "program", "playlist", "mail"; "" for one that is none."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        head = head.decode("utf-16", "replace").encode()
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip(b"\t\n\x0c\r ")
    for name, pattern in _GUISES:
        if pattern.match(start):
            return name
    return "mail" if _MAIL.search(head[:8192]) else ""


def agrees(kind: Kind, said: str) -> bool:
    """Return whether what libmagic says of a file fits what it is by our own signs. It may know nothing; it may not know better."""
    return said in kind.magic or said in ("application/octet-stream", "")


def hidden_archive(tail: bytes, size: int) -> bool:
    """Return whether the end of a file that is none is a zip archive's: its list of contents, at the place that it says."""
    at = tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) - at < 22:
        return False
    length, offset = (int.from_bytes(tail[at + start : at + start + 4], "little") for start in (12, 16))
    return length > 0 and length + offset <= size
