"""Why a file is not taken, in words for whoever sent it: what was found, what is allowed, what to do. Standard library only.

The sandbox says a code and numbers; a word of its own never reaches a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

WORDS = {
    "empty": "This file is empty, so there is nothing to send. Choose another one.",
    "type": "This is {thing}, which this clinic does not take. Send a photo, a PDF, a document, a sound or a video instead.",
    "name": "This file's name ends in “.{end}”, as programs and web pages do, which this clinic does not take. "
    "If it is a document or a picture, save it as one and send that.",
    "contradictory": "This file is two things at once: it begins as {thing}, and is something else as well. Save it anew with the program that you see it in, "
    "and send that.",
    "damaged": "This is {thing} that cannot be read. It may have been damaged on its way: open it to see whether it is whole, and send it again.",
    "pixels": "This picture has {found} million pixels; {most} million is the most. Save it smaller, and send that.",
    "frames": "This is a moving picture of {found} single pictures; {most} is the most. Send it as a video instead.",
    "bomb": "This archive unpacks to far more than it is, so it cannot be checked. Send the files in it one by one.",
    "macros": "This document holds a program (macros), which this clinic does not take. Save it without them, or as a PDF, and send that.",
    "voice_long": "This voice message is {found} long; {most} is the most. Record it again a little shorter, or in two parts.",
    "video_long": "This video is {found} long; {most} is the most. Record it again a little shorter.",
    "no_sound": "There is no sound in this voice message. Check the microphone, and record it again.",
    "no_picture": "There is no picture in this video. Check the camera, and record it again.",
    "no_voice": "This is {thing} and not a voice message. Send it as a file.",
    "no_video": "This is {thing} and not a video. Send it as a file, or record a video.",
    "no_photo": "This is {thing} and not a photo. Choose a picture, for example a JPEG, PNG or HEIC.",
    "codec": "This is {thing} in a form that browsers and apps cannot play. Save it as MP4, and send that.",
    "short": "Nothing was recorded. Record it again.",
}
SLOW = "This file could not be read in time, so it could not be checked. Save it anew with the program that you see it in, or as a PDF, and send that."
CRASHED = "This file could not be read, so it could not be checked. Save it anew with the program that you see it in, or as a PDF, and send that."
UNCHECKED = "Files cannot be checked in this clinic just now, so none are taken. Tell the clinic; what you have written is sent as always."
INFECTED = "The clinic's virus scanner found something harmful in this file, so it was not taken. Have your device checked before you send it anything else."
UNSCANNED = "The clinic's virus scanner cannot check this file, so it was not taken. Send a smaller one, or tell the clinic."
# What things are called in the middle of a sentence.
THINGS = {
    "image/jpeg": "a photo (JPEG)", "image/png": "a picture (PNG)", "image/gif": "a picture (GIF)", "image/webp": "a picture (WebP)",
    "image/bmp": "a picture (BMP)", "image/tiff": "a picture (TIFF)", "image/heic": "a photo (HEIC)", "image/avif": "a picture (AVIF)",
    "application/pdf": "a PDF", "application/dicom": "a DICOM image", "application/rtf": "a document (RTF)", "text/plain": "a text",
    "application/zip": "a ZIP archive", "application/x-7z-compressed": "an archive (7z)", "application/vnd.rar": "an archive (RAR)",
    "application/gzip": "an archive (gzip)", "page": "a web page", "program": "a program", "playlist": "a list of recordings that are elsewhere",
    "mail": "an e-mail with its attachments", "macros": "a document with macros", "unknown": "a kind of file that is not known here",
}

_PROGRAMS = frozenset({
    "application/vnd.microsoft.portable-executable", "application/x-dosexec", "application/x-executable", "application/x-pie-executable",
    "application/x-sharedlib", "application/x-mach-binary", "application/x-msi", "application/java-archive", "application/x-java-applet",
})


def thing(name: Any) -> str:
    """Return what to call a media type, or one of THINGS, with its article."""
    if not isinstance(name, str):
        return THINGS["unknown"]
    if name in THINGS:
        return THINGS[name]
    if name.startswith("audio/"):
        return "a sound"
    if name.startswith("video/"):
        return "a video"
    if name in _PROGRAMS:
        return THINGS["program"]
    return "an office document" if name.startswith(("application/vnd.o", "application/vnd.ms-")) or name == "application/msword" else THINGS["unknown"]


def length(milliseconds: int, most: int) -> str:
    """Return how long something is that may be `most` milliseconds long, and is longer: "46 seconds", "12 minutes", "more than an hour"."""
    seconds = max(round(milliseconds / 1000), most // 1000 + 1)
    if seconds > 3600:
        return "more than an hour"
    return f"{seconds} seconds" if seconds <= 300 else f"{seconds // 60} minutes"


def refusal(code: str, values: Mapping[str, Any]) -> str:
    """Return the words for a refusal that the sandbox said; for one that makes no sense, that the file could not be read."""
    pattern = WORDS.get(code)
    if pattern is None:
        return CRASHED
    try:
        said: dict[str, str] = {}
        if "thing" in values:
            said["thing"] = thing(values["thing"])
        if code.endswith("_long"):
            said |= {"found": length(int(values["found"]), int(values["most"])), "most": str(int(values["most"]) // 1000)}
        else:
            said |= {name: f"{int(values[name]):,}" for name in ("found", "most") if name in values}
        if "end" in values:
            end = str(values["end"])
            said["end"] = end if end.isascii() and end.isalnum() and len(end) < 16 else "?"
        return pattern.format(**said)
    except (KeyError, TypeError, ValueError, OverflowError):
        return CRASHED
