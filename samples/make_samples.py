"""Writes `samples/inbox`: workbooks as clerks hand them in, good and bad.

What each one says is in `cases/*.toml`; how it looks is the first pack's `form.xlsx`, filled in as a person would.
Run `python samples/make_samples.py`; needs the `test` extra. The same input gives the same bytes.
"""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Callable
from pathlib import Path

import containers
import filling
import openpyxl

HERE = Path(__file__).resolve().parent
PACK = HERE.parent / "templates" / "jiangmen-2024"
OTHER_FORMATS: dict[str, Callable[[filling.Sheet], bytes]] = {
    ".xls": containers.biff,
    ".et": containers.biff,
    ".ods": containers.ods,
}


def make(out: Path) -> list[Path]:
    """Writes all samples below `out`; returns their paths."""
    rules = tomllib.loads((PACK / "rules.toml").read_text(encoding="utf-8"))
    written = []
    for source in sorted((HERE / "cases").glob("*.toml")):
        case = tomllib.loads(source.read_text(encoding="utf-8"))
        book = openpyxl.load_workbook(PACK / "form.xlsx")
        template = book.worksheets[0]
        if "plain_sheet" in case:
            sheet = filling.plain_sheet(case, template.cell(2, 1))
        else:
            sheet = filling.Filling(template, case, rules).run()
        target = out / case["file"]
        other = OTHER_FORMATS.get(target.suffix)
        data = other(sheet) if other else containers.ooxml(sheet, book, case)
        if case.get("damaged"):
            data = data[: len(data) // 2]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        written.append(target)
    return written


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write the sample workbooks.")
    parser.add_argument("--out", type=Path, default=HERE / "inbox", help="folder to write to (default: samples/inbox)")
    for path in make(parser.parse_args().out):
        print(path)
