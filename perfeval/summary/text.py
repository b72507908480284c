"""Texts from workbooks anybody may have mailed, made safe for a cell and for CSV.

What a clerk typed is never a formula: cells are typed as text, and in CSV, which has no types, whatever a spreadsheet
could take for a formula gets an apostrophe in front.
"""

from __future__ import annotations

import re

from perfeval.workbook.sheetxml import looks_like_formula

__all__ = ["LONGEST", "cell_text", "csv_text"]

LONGEST = 32_767  # characters that a cell of a workbook may hold
# What XML cannot hold: controls, lone surrogates, two code points that are no characters.
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# Excel reads `_x0041_` in a file as an escape; written by a person it is text.
_ESCAPE = re.compile("_(?=x[0-9A-Fa-f]{4}_)")
_ODD = re.compile(f"{_ILLEGAL.pattern}|{_ESCAPE.pattern}|\r")


def cell_text(text: str) -> str:
    """`text` as a cell of a workbook can hold it."""
    if _ODD.search(text):
        text = _ESCAPE.sub("_x005F_", _ILLEGAL.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n")))
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def csv_text(text: str) -> str:
    """`text` for CSV; a leading apostrophe keeps spreadsheets from calculating it."""
    text = _ILLEGAL.sub("\ufffd", text)
    return f"'{text}" if looks_like_formula(text) else text
