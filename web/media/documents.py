"""Reads documents: a PDF's first page, and what office files and archives are. Imports pypdfium2 alone; runs inside the sandbox.

A PDF may hold programs, forms and links; of what is drawn here none of them runs, and the file itself is only ever saved by who reads it.
"""

from __future__ import annotations

import zipfile
import zlib
from typing import TYPE_CHECKING

import pypdfium2

from web.media.found import Found, Pictures, Refused
from web.media.pictures import SHOWN_PIXELS, with_pictures

if TYPE_CHECKING:
    from web.media.child import RemoteFile

PDF, ZIP = "application/pdf", "application/zip"
MOST_ENTRIES = 100_000
MOST_UNPACKED, MOST_RATIO = 1_000_000_000, 100
DIRECTORY_BYTES, PART_BYTES = 33_554_432, 1_048_576
_OFFICE = "application/vnd.openxmlformats-officedocument."
_MAINS = {
    b"wordprocessingml.document.main+xml": f"{_OFFICE}wordprocessingml.document",
    b"spreadsheetml.sheet.main+xml": f"{_OFFICE}spreadsheetml.sheet",
    b"presentationml.presentation.main+xml": f"{_OFFICE}presentationml.presentation",
    b"presentationml.slideshow.main+xml": f"{_OFFICE}presentationml.slideshow",
}
_OPEN_DOCUMENTS = {f"application/vnd.oasis.opendocument.{name}".encode() for name in ("text", "spreadsheet", "presentation", "graphics")}
_OLD = {"WordDocument": "application/msword", "Workbook": "application/vnd.ms-excel", "Book": "application/vnd.ms-excel",
        "PowerPoint Document": "application/vnd.ms-powerpoint"}
_OLD_MACROS = ("_VBA_PROJECT", "Macros")
_PROGRAMS = ("META-INF/MANIFEST.MF", "AndroidManifest.xml", "classes.dex")


def prepare() -> None:
    """Draw an empty page, so that everything is loaded that drawing wants."""
    document = pypdfium2.PdfDocument.new()
    page = document.new_page(10, 10)
    page.render(scale=1).to_pil()
    page.close()
    document.close()


def read_pdf(file: RemoteFile) -> tuple[Found, Pictures]:
    """Look at a PDF. Returns: how many pages it has, and pictures of the first; without, where it asks for a password. Raises: Refused."""
    found: Found = {"media_type": PDF, "form": "pdf"}
    file.seek(0)
    try:
        document = pypdfium2.PdfDocument(file)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower() or "security" in str(error).lower():
            return found, {}
        raise Refused("damaged", thing=PDF) from error
    pages = len(document)
    if pages < 1:
        raise Refused("damaged", thing=PDF)
    found["pages"] = pages
    try:
        page = document[0]
        width, height = page.get_size()
        if not (0 < width < 1e6 and 0 < height < 1e6):
            return found, {}
        scale = SHOWN_PIXELS / max(width, height)
        image = page.render(scale=scale, may_draw_forms=False, rev_byteorder=True).to_pil().convert("RGB")
    except (pypdfium2.PdfiumError, ValueError, MemoryError):
        return found, {}
    return with_pictures(found, image)


def office_type(file: RemoteFile) -> str:
    """Return the media type of what is packed as a ZIP: that of an office document, or of an archive. Raises: Refused."""
    damaged = Refused("damaged", thing=ZIP)
    end = file.at(max(0, file.size - 65_600), 65_600)
    at = end.rfind(b"PK\5\6")
    if at < 0 or int.from_bytes(end[at + 12 : at + 16], "little") > DIRECTORY_BYTES:
        raise damaged
    file.seek(0)
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            names = {entry.filename for entry in entries}
            unpacked, packed = sum(entry.file_size for entry in entries), sum(entry.compress_size for entry in entries)
            if len(entries) > MOST_ENTRIES or packed > file.size or (unpacked > MOST_UNPACKED and unpacked > MOST_RATIO * packed):
                raise Refused("bomb")
            if "[Content_Types].xml" in names:
                return _open_xml(_part(archive, "[Content_Types].xml"), names)
            if entries and entries[0].filename == "mimetype":
                said = _part(archive, "mimetype").strip()
                if said in _OPEN_DOCUMENTS:
                    _refuse_macros(any(name.startswith(("Basic/", "Scripts/")) for name in names))
                    return said.decode()
    except (zipfile.BadZipFile, NotImplementedError, zlib.error, RuntimeError, ValueError, OSError, EOFError, KeyError) as error:
        raise damaged from error
    if any(name in names for name in _PROGRAMS):
        raise Refused("type", thing="program")
    return ZIP


def _part(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as part:
        return part.read(PART_BYTES)


def _open_xml(types: bytes, names: set[str]) -> str:
    _refuse_macros(b"macroEnabled" in types or any(name.lower().endswith("vbaproject.bin") for name in names))
    return next((media_type for sign, media_type in _MAINS.items() if sign in types), ZIP)


def _refuse_macros(there: bool) -> None:
    if there:
        raise Refused("macros")


def old_office_type(file: RemoteFile, said: str) -> str:
    """Return the media type of a document of Word, Excel or PowerPoint as they were until 2007; else what libmagic said. Raises: Refused."""
    names = set(_old_names(file))
    _refuse_macros(any(name in names for name in _OLD_MACROS) or "_VBA_PROJECT_CUR" in names)
    return next((media_type for name, media_type in _OLD.items() if name in names), said or "application/x-ole-storage")


def _old_names(file: RemoteFile) -> list[str]:
    """Returns the names in the directory of a compound file. Source: MS-CFB 2.6."""
    header = file.at(0, 512)
    shift = int.from_bytes(header[30:32], "little")
    if shift not in (9, 12):
        raise Refused("damaged", thing="application/msword")
    size, found = 1 << shift, []
    sector, table = int.from_bytes(header[48:52], "little"), [int.from_bytes(header[at : at + 4], "little") for at in range(76, 512, 4)]
    for _ in range(4096):
        if sector >= 0xFFFFFFFA:
            break
        page = file.at((sector + 1) * size, size)
        for at in range(0, len(page) - 127, 128):
            length = int.from_bytes(page[at + 64 : at + 66], "little")
            if 2 <= length <= 64:
                found.append(page[at : at + length - 2].decode("utf-16-le", "replace"))
        which, place = divmod(sector, size // 4)
        if which >= len(table):
            break
        sector = int.from_bytes(file.at((table[which] + 1) * size + place * 4, 4).ljust(4, b"\xff"), "little")
    return found
