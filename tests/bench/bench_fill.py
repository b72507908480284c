"""Cost of the whole job per workbook, against the ordinary scripts people write, on the same files in one run.

    python tests/bench/bench_fill.py [--files 200]

Prints medians per file and of the ratios in each round, and what each stage takes, for two forms: the real sample with
all its findings (tints, notes, list of problems), and a form without findings made as large as those other libraries
were measured on: 45 rows, 14 columns, 100 merges. "ordinary" loads the filled form and the blank template with
openpyxl, computes, fills and saves; "calamine + XlsxWriter" is the fastest combination of libraries that writes a
formatted workbook; "ExcelJS" is the ordinary script once more, for Node (measured where NODE_PATH leads to an installed
`exceljs`). None of the three reviews, renders text, fits row heights or keeps what else is in the workbook; perfeval
does all of that.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

import openpyxl
import xlsxwriter
from openpyxl.styles import Border, Side
from openpyxl.worksheet.worksheet import Worksheet
from openpyxl_script import FORM, ordinary
from python_calamine import CalamineWorkbook

from perfeval import assemble, batch, pipeline
from perfeval.pipeline import Options, Outcome, fill, inspect
from perfeval.planning import Task
from perfeval.workbook import grid

ROOT = Path(__file__).resolve().parents[2]
INBOX = ROOT / "samples" / "inbox"
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_RESULT = re.compile(r"\D{0,4}\d{1,4}(?:\.\d+)?\D{0,4}")
ORDINARY, LIBRARIES, NODE = "ordinary openpyxl script", "calamine + XlsxWriter", "ordinary ExcelJS script"
FILL, SINGLE, CHECK = "perfeval fill", "  one file at a time", "perfeval check"
BARE = "Python alone"
_COLD_ROUNDS = 9
_TOGETHER = 8  # files that a run over many takes through the work together
_AREAS = "江海清远云岭平湖白石南溪北港东川西垣"


def variants(sample: Path, folder: Path, count: int, *, numbers: bool, large: bool) -> list[Path]:
    """Copies of a sample that differ as the files of many agencies do: in names, with `numbers` in the table too."""
    book = openpyxl.load_workbook(sample)
    sheet = book.active
    if large:
        _enlarge(sheet)
    cells = [(cell, cell.value) for row in sheet.iter_rows() for cell in row if isinstance(cell.value, str)]
    city = inspect(sample, Options()).forms[0].form.text("unit_name")[:3]
    chance = random.Random(2024)
    folder.mkdir()
    paths = []
    for number in range(count):
        area = "".join(chance.choices(_AREAS, k=2)) + "市"
        for cell, text in cells:
            value = text.replace(city, area)
            if numbers and cell.row > 12 and _RESULT.fullmatch(value):
                value = _NUMBER.sub(lambda found: str(max(1, int(float(found[0]) * chance.uniform(0.8, 1.25)))), value)
            cell.value = value
            cell.data_type = "s"  # a target may be typed as =100%, and is no formula
        path = folder / f"单位{number:05d}.xlsx"
        book.save(path)
        paths.append(path)
    return paths


def _enlarge(sheet: Worksheet) -> None:
    """Blank formatted rows and columns beside the form, merged, until it has 45 rows, 14 columns and 100 merges."""
    for row in range(1, 46):
        for column in range(1, 15):
            if row > sheet.max_row or column > 12:
                sheet.cell(row, column).border = Border(*[Side("thin")] * 4)
    for row in range(1, 100 - len(sheet.merged_cells.ranges) + 1):
        sheet.merge_cells(start_row=row, end_row=row, start_column=13, end_column=14)


def best_libraries(path: Path, target: Path) -> None:
    """Read with calamine, write the same bordered and merged table with XlsxWriter, set up for print."""
    source = CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0)
    rows = source.to_python(skip_empty_area=False)
    with xlsxwriter.Workbook(str(target), {"in_memory": True}) as book:
        cell = book.add_format({"font_name": "宋体", "font_size": 10, "border": 1, "text_wrap": True})
        sheet = book.add_worksheet("评分表")
        sheet.set_landscape()
        sheet.set_paper(9)
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(9, 11)
        sheet.set_footer("第 &P 页 共 &N 页")
        sheet.set_column(0, 11, 12, cell)
        for number, row in enumerate(rows):
            sheet.set_row(number, 30)
            for column, value in enumerate(row):
                sheet.write(number, column, value, cell)
        for (top, left), (bottom, right) in source.merged_cell_ranges or ():
            known = top < len(rows) and left < len(rows[top])
            sheet.merge_range(top, left, bottom, right, rows[top][left] if known else "", cell)
        for number in range(13, len(rows) - 1):
            sheet.write_formula(number, 8, "=MIN(1,151/170)*40/6", cell, 5.92)


def exceljs(paths: list[Path], out: Path) -> float | None:
    """Median milliseconds per file of the same script for Node; None where it cannot be run."""
    node = shutil.which("node")
    if node is None:
        return None
    script = Path(__file__).with_name("exceljs_script.js")
    done = subprocess.run([node, script, FORM, out, *paths], check=False, capture_output=True, text=True)
    return float(done.stdout) if done.returncode == 0 else None


def ours(path: Path, target: Path) -> None:
    """The whole job."""
    outcome = fill(path, target, Options())
    assert outcome.output == target, outcome.findings


def check(path: Path) -> None:
    """Everything but writing."""
    inspect(path, Options())


def compared(paths: list[Path], out: Path) -> dict[str, list[float]]:
    """Milliseconds per file of every candidate, by its name, round by round: each round gives each a turn."""
    costs: dict[str, list[float]] = {}
    running = _run(paths, out / "batch")
    turns: list[tuple[str, Callable[[list[Path]], object]]] = [
        (ORDINARY, lambda group: ordinary(group[0], out / "ordinary.xlsx")),
        (LIBRARIES, lambda group: [best_libraries(path, out / "libraries.xlsx") for path in group[:3]]),
        (SINGLE, lambda group: [ours(path, out / f"single_{path.name}") for path in group[:4]]),
        (FILL, lambda group: list(islice(running, len(group)))),
        (CHECK, lambda group: [check(path) for path in group[:4]]),
    ]
    done = {ORDINARY: 1, LIBRARIES: 3, SINGLE: 4, FILL: _TOGETHER, CHECK: 4}
    for number in range(0, len(paths), _TOGETHER):
        group = paths[number : number + _TOGETHER]
        for name, job in turns:
            begin = time.perf_counter()
            job(group)
            costs.setdefault(name, []).append((time.perf_counter() - begin) * 1000 / done[name])
    return {name: values[1:] for name, values in costs.items()}  # the first round warms up


def _run(paths: list[Path], out: Path) -> Iterator[batch.Report[str]]:
    return batch.run([Task(path, out / path.name) for path in paths], Options(), _status)


def _status(outcome: Outcome) -> str:
    return outcome.status


# Where the pipeline calls them; a stage's time is without that of the stages it calls.
STAGES: tuple[tuple[str, ModuleType, str], ...] = (
    ("open and parse", pipeline, "open_book"),
    ("open and parse", grid, "parse_sheet"),
    ("recognise, read", pipeline, "recognise"),
    ("recognise, read", pipeline, "read_form"),
    ("score", pipeline, "evaluate"),
    ("review", pipeline, "review"),
    ("narrative", pipeline, "render"),
    ("plan", assemble, "plan_form"),
    *(
        ("render and pack", assemble, name)
        for name in ("announced", "record_of", "carry", "_sheet_xml", "problem_sheet", "memory_sheet", "edited")
    ),
    ("write", pipeline, "write_atomic"),
)


def stages(paths: list[Path], out: Path) -> dict[str, float]:
    """Milliseconds per file and stage of a run over a folder; what no stage claims is "rest"."""
    names = dict.fromkeys(name for name, _, _ in STAGES)
    spent = dict.fromkeys(names, 0.0)
    inner = [0.0]  # time of the stages inside the one that runs

    def watched(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed_function(*args: Any, **options: Any) -> Any:
            inner.append(0.0)
            begin = time.perf_counter()
            try:
                return function(*args, **options)
            finally:
                whole = time.perf_counter() - begin
                spent[name] += whole - inner.pop()
                inner[-1] += whole

        return timed_function

    before = [(module, function, getattr(module, function)) for _, module, function in STAGES]
    for name, module, function in STAGES:
        setattr(module, function, watched(name, getattr(module, function)))
    begin = time.perf_counter()
    try:
        for _ in _run(paths, out / "stages"):
            pass
    finally:
        for module, function, original in before:
            setattr(module, function, original)
    rest = time.perf_counter() - begin - sum(spent.values())
    return {name: cost * 1000 / len(paths) for name, cost in {**spent, "rest": rest}.items()}


def cold_starts(path: Path, out: Path) -> dict[str, list[float]]:
    """Milliseconds of a new process that does one file, one turn for each program in every round."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"PYTHONPYCACHEPREFIX": str(out / "compiled"), "PYTHONPATH": str(ROOT)}  # compiled as when installed
    script = str(Path(__file__).with_name("openpyxl_script.py"))
    costs: dict[str, list[float]] = {ORDINARY: [], FILL: [], BARE: []}
    for number in range(1 + _COLD_ROUNDS):
        for name, arguments in (
            (ORDINARY, (script, str(path), str(out / "ordinary.xlsx"))),
            (FILL, ("-m", "perfeval", "fill", str(path), "--out", str(out / f"cold{number}"))),
            (BARE, ("-c", "pass")),
        ):
            begin = time.perf_counter()
            subprocess.run([sys.executable, *arguments], check=False, capture_output=True, env=environment)
            costs[name].append((time.perf_counter() - begin) * 1000)
    return {name: values[1:] for name, values in costs.items()}  # the first round compiles


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=200, help="a multiple of eight")
    options = parser.parse_args()
    real, clean = (next(iter(sorted(INBOX.rglob(f"*{name}*.xlsx")))) for name in ("招商", "图书馆"))
    forms = {"with findings": (real, True, False), "45 x 14, clean": (clean, False, True)}
    with tempfile.TemporaryDirectory() as folder_name:
        for title, (sample, numbers, large) in forms.items():
            folder = Path(folder_name) / title
            paths = variants(sample, folder, options.files // _TOGETHER * _TOGETHER, numbers=numbers, large=large)
            out = folder / "out"
            out.mkdir()
            costs = compared(paths, out)
            print(f"{title}                         time   openpyxl script / this")
            for name, values in costs.items():
                ratio = statistics.median(slow / cost for slow, cost in zip(costs[ORDINARY], values, strict=True))
                print(f"  {name:24s} {statistics.median(values):8.2f} ms/file   {ratio:6.1f}x")
            if (node := exceljs(paths[:24], out)) is not None:
                print(f"  {NODE:24s} {node:8.2f} ms/file   {statistics.median(costs[ORDINARY]) / node:6.1f}x")
            parts = stages(paths, out)
            for stage, cost in parts.items():
                print(f"    {stage:20s} {cost:8.2f} ms   {cost / sum(parts.values()):5.0%}")
            print("  one file as a new process")
            cold = cold_starts(paths[0], out)
            for name, values in cold.items():
                ratio = statistics.median(slow / cost for slow, cost in zip(cold[ORDINARY], values, strict=True))
                print(f"    {name:22s} {statistics.median(values):8.0f} ms        {ratio:6.1f}x")


if __name__ == "__main__":
    main()
