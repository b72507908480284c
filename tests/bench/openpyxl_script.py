"""The ordinary script with openpyxl that people write, which perfeval is measured against.

python tests/bench/openpyxl_script.py FILE OUT        (the benchmarks call it; alone it is one cold start)
"""

from __future__ import annotations

import re
import sys
from copy import copy
from pathlib import Path

import openpyxl
from openpyxl.styles import Alignment, Font

FORM = Path(__file__).resolve().parents[2] / "templates" / "jiangmen-2024" / "form.xlsx"
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


def ordinary(path: Path, target: Path) -> None:
    """What an office script does: load both workbooks, compute, copy into the template, save."""
    source = openpyxl.load_workbook(path).active
    rows = [[cell.value for cell in row[:12]] for row in source.iter_rows(min_row=13, max_col=12)]
    book = openpyxl.load_workbook(FORM)
    sheet = book.active
    total = 0.0
    for offset, row in enumerate(rows):
        target_number, actual_number = (_NUMBER.search(str(row[6] or "")), _NUMBER.search(str(row[7] or "")))
        if target_number and actual_number and float(target_number.group()):
            weight = 40 / 6
            row[8] = round(min(1, float(actual_number.group()) / float(target_number.group())) * weight, 2)
            total += row[8]
        for column, value in enumerate(row, 1):
            cell = sheet.cell(40 + offset, column, value)
            pattern = sheet.cell(12, column)
            cell.font, cell.border, cell.alignment = (
                Font(name="宋体", size=10),
                copy(pattern.border),
                Alignment(wrap_text=True, vertical="center"),
            )
    sheet.cell(40 + len(rows), 9, total)
    book.save(target)


if __name__ == "__main__":
    ordinary(Path(sys.argv[1]), Path(sys.argv[2]))
