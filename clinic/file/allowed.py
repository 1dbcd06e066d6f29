"""Which kinds of files the clinic takes: the list that an administrator chooses from, and what they chose. Imports clinic only.

Programs, web pages, drawings that can hold programs (SVG) and documents with macros are not on the list, so nobody can choose them.
"""

from __future__ import annotations

from dataclasses import dataclass

from clinic.account.settings import put_setting, setting
from clinic.actions import action, view
from clinic.errors import Invalid
from clinic.fields import Choices, Flag
from clinic.permissions import Permission
from clinic.work import Work

_OFFICE = "application/vnd.openxmlformats-officedocument."
_OPEN = "application/vnd.oasis.opendocument."
GROUPS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    ("Pictures", (
        ("image/jpeg", "Photos (JPEG)"), ("image/heic", "Photos of iPhones (HEIC)"), ("image/png", "PNG"), ("image/webp", "WebP"), ("image/gif", "GIF"),
        ("image/avif", "AVIF"), ("image/tiff", "TIFF, as scanners make it"), ("image/bmp", "BMP"), ("application/dicom", "DICOM, as X-ray and scans are kept"),
    )),
    ("Documents", (
        ("application/pdf", "PDF"), ("text/plain", "Plain text and tables (TXT, CSV)"), ("application/rtf", "RTF"),
        (f"{_OFFICE}wordprocessingml.document", "Word (DOCX)"), (f"{_OFFICE}spreadsheetml.sheet", "Excel (XLSX)"),
        (f"{_OFFICE}presentationml.presentation", "PowerPoint (PPTX)"), (f"{_OFFICE}presentationml.slideshow", "PowerPoint shows (PPSX)"),
        ("application/msword", "Word until 2007 (DOC)"), ("application/vnd.ms-excel", "Excel until 2007 (XLS)"),
        ("application/vnd.ms-powerpoint", "PowerPoint until 2007 (PPT)"), (f"{_OPEN}text", "LibreOffice texts (ODT)"),
        (f"{_OPEN}spreadsheet", "LibreOffice tables (ODS)"), (f"{_OPEN}presentation", "LibreOffice slides (ODP)"),
        (f"{_OPEN}graphics", "LibreOffice drawings (ODG)"),
    )),
    ("Sounds", (
        ("audio/webm", "WebM, as browsers record it"), ("audio/mp4", "MP4 (M4A), as browsers and phones record it"), ("audio/ogg", "Ogg"),
        ("audio/mpeg", "MP3"), ("audio/aac", "AAC"), ("audio/wav", "WAV"), ("audio/flac", "FLAC"), ("audio/amr", "AMR"),
    )),
    ("Videos", (
        ("video/mp4", "MP4"), ("video/webm", "WebM, as browsers record it"), ("video/quicktime", "QuickTime (MOV), as iPhones record it"), ("video/ogg", "Ogg"),
    )),
    ("Archives", (
        ("application/zip", "ZIP"), ("application/x-7z-compressed", "7z"), ("application/vnd.rar", "RAR"), ("application/gzip", "gzip"),
    )),
)
KNOWN = tuple(media_type for _, kinds in GROUPS for media_type, _ in kinds)
BEGINS_WITH = tuple(media_type for name, kinds in GROUPS for media_type, _ in kinds if name != "Archives")
"""What a clinic takes until its administrators choose otherwise: all but archives, into which nobody can look."""


@dataclass(frozen=True, slots=True)
class FileSettings:
    """What the clinic has settled about files. allowed: media types. login_only: links in messaging apps ask for a log-in too."""

    allowed: tuple[str, ...]
    login_only: bool


def allowed(work: Work) -> tuple[str, ...]:
    """Return the media types that the clinic takes."""
    chosen = setting(work, "files_allowed").split()
    return tuple(media_type for media_type in KNOWN if media_type in chosen) if chosen else BEGINS_WITH


@view(Permission.FILE_SETTLE)
def file_settings(work: Work) -> FileSettings:
    """Return what the clinic has settled about files."""
    return FileSettings(allowed(work), setting(work, "files_login_only") == "1")


@view(Permission.SYSTEM)
def taken(work: Work) -> tuple[str, ...]:
    """Return the media types that the clinic takes, for its own processes that look into files."""
    return allowed(work)


@action("file.allow", Permission.FILE_SETTLE, fields=(Choices("allowed", "Kinds of files", options=KNOWN),))
def allow(work: Work, allowed: tuple[str, ...]) -> None:
    """Say which kinds of files the clinic takes from now on; what is there stays. Raises: Invalid where none is left to record voice messages in."""
    if not {"audio/webm", "audio/mp4"} & set(allowed):
        raise Invalid("Voice messages are recorded as WebM or MP4. Leave one of these sounds chosen.", field="allowed")
    put_setting(work, "files_allowed", "" if set(allowed) == set(BEGINS_WITH) else " ".join(allowed))


@action("file.ask_log_in", Permission.FILE_SETTLE, fields=(Flag("always", "Links to files ask for a log-in"),))
def ask_log_in(work: Work, always: bool) -> None:
    """Have links to files in messaging apps ask for a log-in each time, or open by themselves for whom they were made for, while they hold."""
    put_setting(work, "files_login_only", "1" if always else "0")
