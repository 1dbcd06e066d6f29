"""Receipts as PDF: what stands on them, in every script, and who is given them."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont
from pypdf import PdfReader

from clinic.payment.money import Money
from clinic.payment.statement import Receipt
from tests.support.cast import Cast
from tests.support.paying import ask, decide, service
from tests.web.browser import Browser
from web.gateways import receipts
from web.gateways.receipts import TEST_MARK, pdf_of

SignIn = Callable[[str], Browser]
EXAMPLE = Receipt(
    "Harbour Clinic", "Harbour Street 1\n1234 Haven\nTax number 12/345", 17, datetime(2026, 11, 29, 9, tzinfo=UTC), date(2026, 11, 29), "Ana Alvarez",
    date(1984, 3, 27), "Boris Brandt", "Video consultation", "Half an hour by video", "VAT exempt, medical care", Money(6000, "EUR"), True, "pi_3Qx", (), False,
)


def words(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)


def test_a_receipt_says_all_that_it_should() -> None:
    text = words(pdf_of(EXAMPLE))
    for said in (
        "Harbour Clinic", "Harbour Street 1", "Tax number 12/345", "Receipt number", "17", "29 November 2026", "Ana Alvarez", "27 March 1984",
        "Boris Brandt", "Video consultation", "Half an hour by video", "VAT exempt, medical care", "60.00 EUR", "By card, reference pi_3Qx",
    ):
        assert said in text
    assert "TEST" not in text and "Given back" not in text and "Remaining" not in text


def test_what_was_given_back_is_listed_and_what_remains() -> None:
    text = words(pdf_of(replace(EXAMPLE, refunds=((date(2026, 12, 1), Money(1000, "EUR")), (date(2026, 12, 3), Money(550, "EUR"))))))
    for said in ("Given back on 1 December 2026", "−10.00 EUR", "Given back on 3 December 2026", "−5.50 EUR", "Remaining", "44.50 EUR"):
        assert said in text


def test_a_test_says_so_and_the_desk_has_no_reference() -> None:
    assert TEST_MARK in words(pdf_of(replace(EXAMPLE, test=True)))
    text = words(pdf_of(replace(EXAMPLE, by_card=False, reference="")))
    assert "At the clinic’s desk" in text and "reference" not in text


@pytest.mark.parametrize(("minor", "currency", "shown"), [(7500, "JPY", "7500 JPY"), (1500, "KWD", "1.500 KWD"), (99_999_999, "EUR", "999999.99 EUR")])
def test_amounts_have_the_places_of_their_currency(minor: int, currency: str, shown: str) -> None:
    assert shown in words(pdf_of(replace(EXAMPLE, amount=Money(minor, currency))))


@pytest.mark.parametrize("name", ["José Ångström-Łukasiewicz", "Ёлкина Наталья", "Ελένη Παπαδοπούλου", "محمد عبد الله", "שרה כהן", "Զարուհի", "Nguyễn Thị Ánh"])
def test_names_are_printed_in_their_own_script(name: str) -> None:
    assert name in words(pdf_of(replace(EXAMPLE, patient=name, born=None)))


def test_a_letter_that_no_font_has_is_not_left_out_in_silence(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(receipts, "OTHERS", ())
    text = words(pdf_of(replace(EXAMPLE, patient="山田 Hanako", clinic="Harbour Clinic")))
    assert "□□ Hanako" in text and "□ stands for a letter that this clinic’s machine" in text
    assert "install fonts-freefont-ttf" in caplog.text and "山" not in caplog.text
    assert "□" not in words(pdf_of(replace(EXAMPLE, patient="می‌خواهم \u200d Ana", service="e\u0301te")))


def test_each_line_at_the_top_has_its_own_direction() -> None:
    assert "1234 Haven" in words(pdf_of(replace(EXAMPLE, header="שרה כהן\n1234 Haven")))


def drawn(name: str) -> int:
    """Return how many shapes the fonts in the file of a receipt hold."""
    found = 0
    for part in PdfReader(io.BytesIO(pdf_of(replace(EXAMPLE, patient=name, born=None)))).pages[0]["/Resources"]["/Font"].values():
        descriptor = part.get_object()["/DescendantFonts"][0].get_object()["/FontDescriptor"].get_object()
        found += TTFont(io.BytesIO(descriptor["/FontFile2"].get_data()))["maxp"].numGlyphs
    return found


def test_letters_that_belong_together_are_joined() -> None:
    """The same letters, one by one, need three shapes; joined, the two m's differ. (That they are drawn from the right is what reading them back proves.)"""
    assert drawn("\u0645\u062d\u0645\u062f") == drawn("\u0645 \u062d \u0645 \u062f") + 1


def test_the_same_receipt_is_the_same_bytes_in_another_process_and_later(tmp_path: Path) -> None:
    first = pdf_of(EXAMPLE)
    assert pdf_of(EXAMPLE) == first
    code = "import sys; from tests.web.test_receipts import *; sys.stdout.buffer.write(pdf_of(EXAMPLE))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, cwd=Path(__file__).parents[2]).stdout == first
    assert pdf_of(replace(EXAMPLE, number=18)) != first


def test_the_longest_texts_go_on_over_pages_and_nothing_is_lost() -> None:
    long = replace(
        EXAMPLE, clinic="W" * 200, header="\n".join(["Long " * 14] * 8), patient="W" * 200, service="Service " * 25, description="word " * 400,
        tax_note="Tax " * 50, refunds=tuple((date(2026, 12, 1), Money(1, "EUR")) for _ in range(60)),
    )
    pdf = pdf_of(long)
    assert len(PdfReader(io.BytesIO(pdf)).pages) > 1
    text = words(pdf)
    assert text.count("word") >= 400 and text.count("−0.01 EUR") == 60 and "59.40 EUR" in text and text.count("W") >= 400


def test_a_patient_and_administrators_are_given_it_and_nobody_else(sign_in: SignIn, cast: Cast) -> None:
    thread = cast.start("boris", "ana")
    request = ask(cast, "boris", thread, service(cast))
    path = f"/payments/{request}/receipt.pdf"
    assert sign_in("ana").get(path).status_code == 404  # it is not paid
    decide(cast, "ana", thread)
    cast.database.perform(cast.boris, "payment.mark_paid", thread, request=request, note="In cash")
    for name in ("ana", "dina"):
        answer = sign_in(name).get(path)
        assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
        assert answer.headers["Content-Disposition"] == "inline; filename=receipt-1.pdf" and answer.headers["Cache-Control"] == "no-store"
        assert "50.00 EUR" in words(answer.data) and "In cash" not in words(answer.data)
    for name in ("ada", "boris", "chen", "eve"):
        assert sign_in(name).get(path).status_code == 404
    assert sign_in("dina").get(f"/payments/{thread}/receipt.pdf").status_code == 404


def test_without_its_font_it_says_so_in_words(sign_in: SignIn, cast: Cast, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    thread = cast.start("boris", "ana")
    request = ask(cast, "boris", thread, service(cast))
    decide(cast, "ana", thread)
    cast.database.perform(cast.boris, "payment.mark_paid", thread, request=request, note="In cash")
    monkeypatch.setattr(receipts, "PLAIN", Path("/nowhere.ttf"))
    answer = sign_in("ana").get(f"/payments/{request}/receipt.pdf")
    assert answer.status_code == 503 and "a font is missing" in answer.text and "fonts-dejavu-core" in caplog.text
