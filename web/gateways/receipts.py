"""Receipts as PDF. The sole importer of fpdf2, and of HarfBuzz, which joins letters and turns what is written from right to left.

May import `clinic` and web.times. Nothing here leaves the machine: no pictures, no links, no network; the fonts are Debian's. The same receipt is
the same bytes, wherever and whenever it is made.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from unicodedata import category, normalize

import uharfbuzz  # type: ignore[import-untyped]  # noqa: F401  # it has no types, and is only to be there: without it names would come out wrongly
from fpdf import FPDF
from fpdf.enums import XPos, YPos
from fpdf.fonts import TTFFont

from clinic.payment.statement import Receipt
from web.times import plain_date

FONTS = Path("/usr/share/fonts/truetype")
PLAIN, BOLD = FONTS / "dejavu" / "DejaVuSans.ttf", FONTS / "dejavu" / "DejaVuSans-Bold.ttf"
OTHERS = (FONTS / "freefont" / "FreeSans.ttf", FONTS / "freefont" / "FreeSerif.ttf", FONTS / "droid" / "DroidSansFallbackFull.ttf")
"""For letters that DejaVu lacks (Indic, Thai, Chinese, Japanese), where the machine has them: fonts-freefont-ttf, fonts-droid-fallback."""
UNPRINTABLE = "□"
PACKAGE = "fonts-dejavu-core"
TEST_MARK = "TEST: no real money moved. This is no receipt for a payment."
_INK, _SOFT, _ACCENT, _BAD = (27, 40, 43), (79, 94, 98), (13, 101, 95), (156, 35, 40)
_LEFT, _LABELS = 22.0, 46.0  # millimetres: the margin, the column of labels

logging.getLogger("fontTools").setLevel(logging.ERROR)
logging.getLogger("fpdf").setLevel(logging.ERROR)  # it names the letters that no font has, and with them people
logger = logging.getLogger(__name__)


class FontsMissing(Exception):
    """The machine has no fonts to print a receipt with. Its words are for the administrator."""

    def __init__(self) -> None:
        super().__init__(f"The font {PLAIN} is missing. Install Debian's package {PACKAGE} on the clinic's machine.")


def pdf_of(receipt: Receipt) -> bytes:
    """Return a receipt as a PDF of A4 pages. It takes tens of milliseconds. Raises: FontsMissing. Source: product.md, Payment."""
    if not (PLAIN.is_file() and BOLD.is_file()):
        raise FontsMissing()
    page = _Page(receipt)
    page.head(receipt)
    page.facts(_facts(receipt))
    page.amounts(_amounts(receipt))
    page.foot(receipt)
    return page.bytes()


def _facts(receipt: Receipt) -> list[tuple[str, str]]:
    how = "By card" if receipt.by_card else "At the clinic’s desk"
    return [
        ("Receipt number", str(receipt.number)),
        ("Paid on", plain_date(receipt.paid_on)),
        ("Patient", receipt.patient),
        ("Born", plain_date(receipt.born) if receipt.born else ""),
        ("Treated by", receipt.practitioner),
        ("Service", receipt.service),
        ("Description", receipt.description),
        ("Paid", f"{how}{', reference ' + receipt.reference if receipt.reference else ''}"),
        ("Tax", receipt.tax_note),
    ]


def _amounts(receipt: Receipt) -> list[tuple[str, str]]:
    back = [(f"Given back on {plain_date(day)}", f"−{money}") for day, money in receipt.refunds]
    return [("Amount paid", str(receipt.amount)), *back, *([("Remaining", str(receipt.kept))] if back else [])]


class _Page:
    """A page as it is drawn from top to bottom."""

    def __init__(self, receipt: Receipt) -> None:
        self._pdf = pdf = FPDF(format="A4")
        pdf.set_creation_date(receipt.paid_at)
        pdf.set_title(f"Receipt {receipt.number}")
        pdf.set_author(receipt.clinic)
        pdf.set_creator("Bedside")
        pdf.set_lang("en")
        pdf.set_margins(_LEFT, 20, _LEFT)
        pdf.set_auto_page_break(True, 22)
        pdf.add_font("text", "", PLAIN)
        pdf.add_font("text", "B", BOLD)
        texts = (receipt.clinic, receipt.header, receipt.patient, receipt.practitioner, receipt.service, receipt.description, receipt.tax_note)
        self._lacking = self._fall_back([normalize("NFC", text) for text in texts])
        pdf.set_text_shaping(True)
        pdf.add_page()

    def _fall_back(self, texts: Sequence[str]) -> set[str]:
        """Have further fonts at hand where a letter needs one; they take longer to read than all the rest. Returns: the letters that none has."""
        lacking = {letter for text in texts for letter in text if category(letter)[0] not in "ZC"} - self._letters("text")
        for number, path in enumerate(OTHERS):
            if lacking and path.is_file():
                self._pdf.add_font(f"other{number}", "", path)
                lacking -= self._letters(f"other{number}")
        self._pdf.set_fallback_fonts([name for name in self._pdf.fonts if name.startswith("other")], exact_match=False)
        if lacking:
            logger.warning("receipts: no font has %d of the letters of a receipt: install fonts-freefont-ttf and fonts-droid-fallback", len(lacking))
        return lacking

    def _letters(self, font: str) -> set[str]:
        loaded = self._pdf.fonts[font]
        assert isinstance(loaded, TTFFont)  # each was added from a file
        return {chr(code) for code in loaded.cmap}

    def _shown(self, text: str) -> str:
        """Return text as it can be printed: a letter that no font has would leave nothing, not even a gap."""
        return "".join(UNPRINTABLE if letter in self._lacking else letter for letter in normalize("NFC", text))

    def _font(self, size: float, style: str = "", colour: tuple[int, int, int] = _INK) -> None:
        self._pdf.set_font("text", style, size)
        self._pdf.set_text_color(*colour)

    def _lines(self, text: str, height: float) -> None:
        # Each line by itself: the first letter of a text that has a direction gives it to all of it.
        for line in self._shown(text).split("\n"):
            self._pdf.multi_cell(0, height, line, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def _rule(self, colour: tuple[int, int, int], thick: float) -> None:
        self._pdf.set_draw_color(*colour)
        self._pdf.set_line_width(thick)
        self._pdf.line(_LEFT, self._pdf.get_y(), self._pdf.w - _LEFT, self._pdf.get_y())

    def head(self, receipt: Receipt) -> None:
        """The clinic, and what it is."""
        self._font(16, "B")
        self._lines(receipt.clinic, 8)
        if receipt.header:
            self._font(9.5, colour=_SOFT)
            self._lines(receipt.header, 5)
        self._pdf.ln(4)
        self._rule(_ACCENT, 0.6)
        self._pdf.ln(8)
        self._font(20, "B")
        self._lines("Receipt", 9)
        self._pdf.ln(3)
        if receipt.test:
            self._font(11, "B", _BAD)
            self._lines(TEST_MARK, 6)
            self._pdf.ln(3)

    def facts(self, rows: Iterable[tuple[str, str]]) -> None:
        """What was paid for, by whom and how: labels on the left, what stands beside them may wrap."""
        for label, text in rows:
            if not text:
                continue
            if self._pdf.will_page_break(7):
                self._pdf.add_page()
            self._font(10, colour=_SOFT)
            self._pdf.cell(_LABELS, 6, label)
            self._font(10)
            self._pdf.multi_cell(0, 6, self._shown(text), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
            self._pdf.ln(1.2)

    def amounts(self, rows: Sequence[tuple[str, str]]) -> None:
        """The money, one line below the other, at the right."""
        self._pdf.ln(4)
        self._rule(_SOFT, 0.2)
        self._pdf.ln(3)
        for number, (label, text) in enumerate(rows):
            strong = "B" if number in (0, len(rows) - 1) else ""
            self._font(12 if strong else 10, strong)
            self._pdf.cell(self._pdf.epw / 2, 8, label)
            self._pdf.cell(0, 8, text, align="R", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self._pdf.ln(2)
        self._rule(_SOFT, 0.2)

    def foot(self, receipt: Receipt) -> None:
        """What the paper is not to be taken for."""
        self._pdf.ln(6)
        self._font(8.5, colour=_SOFT)
        back = " What was given back until this was made is listed." if receipt.refunds else ""
        lacking = f" {UNPRINTABLE} stands for a letter that this clinic’s machine cannot print." if self._lacking else ""
        self._lines(f"Made by {receipt.clinic} from its record of payments.{back}{lacking}", 5)

    def bytes(self) -> bytes:
        """Return the finished file."""
        return bytes(self._pdf.output())
