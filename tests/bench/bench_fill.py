"""Cost of the whole job per workbook, against the ordinary scripts people write, on the same files in one run.

    python tests/bench/bench_fill.py [--files 200] [--plain 12]

Prints medians per file and ratios. "ordinary" loads the filled form and the blank template with openpyxl, computes,
fills and saves; "calamine + XlsxWriter" is the fastest combination of libraries that writes a formatted workbook.
Neither of the two reviews, renders text or fits row heights; perfeval does all of that.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import openpyxl
import xlsxwriter
from openpyxl.styles import Alignment, Font
from python_calamine import CalamineWorkbook

from perfeval.pipeline import Options, fill, inspect

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = next(iter(sorted((ROOT / "samples" / "inbox").rglob("*招商*.xlsx"))))
FORM = ROOT / "templates" / "jiangmen-2024" / "form.xlsx"
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


def variants(folder: Path, count: int) -> list[Path]:
    """Copies of the sample that differ in their numbers, as the files of many agencies do."""
    book = openpyxl.load_workbook(SAMPLE)
    sheet = book.active
    cells = [c for row in sheet.iter_rows() for c in row if isinstance(c.value, str) and c.value.endswith("家")]
    paths = []
    for number in range(count):
        for cell in cells:
            if cell.value[0].isdigit():
                cell.value = f"{100 + number % 90}家"
        path = folder / f"单位{number:05d}.xlsx"
        book.save(path)
        paths.append(path)
    return paths


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
                pattern.border.copy(),
                Alignment(wrap_text=True, vertical="center"),
            )
    sheet.cell(40 + len(rows), 9, total)
    book.save(target)


def best_libraries(path: Path, target: Path) -> None:
    """Read with calamine, write a bordered table with XlsxWriter."""
    rows = CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python(skip_empty_area=False)
    with xlsxwriter.Workbook(str(target), {"in_memory": True}) as book:
        cell = book.add_format({"font_name": "宋体", "font_size": 10, "border": 1, "text_wrap": True})
        sheet = book.add_worksheet("评分表")
        sheet.set_landscape()
        sheet.set_paper(9)
        for number, row in enumerate(rows):
            for column, value in enumerate(row):
                sheet.write(number, column, value, cell)
        for number in range(13, len(rows) - 1):
            sheet.write_formula(number, 8, "=MIN(1,151/170)*40/6", cell, 5.92)


def ours(path: Path, target: Path) -> None:
    """The whole job."""
    outcome = fill(path, target, Options())
    assert outcome.output == target, outcome.findings


def check(path: Path, _target: Path) -> None:
    """Everything but writing."""
    inspect(path, Options())


def timed(job: Callable[[Path, Path], None], paths: list[Path], out: Path) -> float:
    """Median milliseconds per file after one warm-up."""
    job(paths[0], out / f"warm_{job.__name__}.xlsx")
    costs = []
    for path in paths:
        begin = time.perf_counter()
        job(path, out / f"{job.__name__}_{path.name}")
        costs.append((time.perf_counter() - begin) * 1000)
    return statistics.median(costs)


def cold_start(path: Path, out: Path) -> float:
    """Seconds of one `perfeval fill` of one file as a new process, median of five."""
    costs = []
    for number in range(6):
        begin = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "perfeval", "fill", str(path), "--out", str(out / f"cold{number}")],
            check=False,
            capture_output=True,
        )
        costs.append(time.perf_counter() - begin)
    return statistics.median(costs[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--plain", type=int, default=12, help="files for the slow openpyxl script")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = variants(folder, options.files)
        out = folder / "out"
        out.mkdir()
        slow = timed(ordinary, paths[: options.plain], out)
        libraries = timed(best_libraries, paths[: options.plain * 4], out)
        whole = timed(ours, paths, out)
        reading = timed(check, paths, out)
        cold = cold_start(paths[0], out)
    print(f"ordinary openpyxl script  {slow:8.2f} ms/file")
    print(f"calamine + XlsxWriter     {libraries:8.2f} ms/file")
    print(f"perfeval fill             {whole:8.2f} ms/file   {slow / whole:6.1f}x   {libraries / whole:5.1f}x")
    print(f"perfeval check            {reading:8.2f} ms/file   {slow / reading:6.1f}x")
    print(f"cold start, one file      {cold:8.3f} s")


if __name__ == "__main__":
    main()
