"""The finished workbooks of the samples, compared by meaning with text files that are reviewed like code.

`pytest tests/test_golden.py --golden` writes them anew; the difference is then read by a person.
"""

from __future__ import annotations

import difflib
import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from perfeval.pipeline import Options, Outcome, fill
from tests.support.workbooks import dump

GOLDEN = Path(__file__).parent / "golden"
NAMES = (
    "公交运营补贴.xlsx",
    "公共图书馆免费开放.xlsx",
    "农产品质量检测.xlsm",
    "农村公路养护.ods",
    "动物疫病防控.et",
    "妇幼健康服务.xlsx",
    "招商引资专项经费.xlsx",
    "文艺下乡演出.xlsx",
    "校舍安全排查.xlsx",
    "课后服务补助.xlsx",
    "非遗保护专项.xlsx",
    "高标准农田建设.xls",
)


def test_every_sample_with_a_form_has_a_golden_file(finished: dict[str, Outcome]) -> None:
    assert sorted(finished) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_finished_workbook_is_as_reviewed(
    name: str, finished: dict[str, Outcome], request: pytest.FixtureRequest
) -> None:
    output = finished[name].output
    assert output is not None
    text = dump(output)
    golden = GOLDEN / f"{name}.txt"
    if request.config.getoption("--golden"):
        golden.write_text(text, encoding="utf-8")
    expected = golden.read_text(encoding="utf-8")
    difference = list(difflib.unified_diff(expected.splitlines(), text.splitlines(), lineterm="", n=1))
    assert difference == []


@pytest.mark.parametrize("name", NAMES)
def test_filling_is_deterministic_and_settles(
    name: str, finished: dict[str, Outcome], inbox: Path, tmp_path: Path
) -> None:
    source = next(inbox.rglob(name))
    output = finished[name].output
    assert output is not None
    again = fill(source, tmp_path / f"again{output.suffix}", Options())
    assert again.output is not None and again.output.read_bytes() == output.read_bytes()
    # A finished workbook that comes back as it was: the same bytes, and the same is said about it.
    back = fill(output, tmp_path / f"back{output.suffix}", Options())
    assert back.output is not None and back.output.read_bytes() == output.read_bytes()
    assert [(f.code, f.label, f.message) for f in back.findings if f.cell == ""] == [
        (f.code, f.label, f.message) for f in again.findings if f.cell == ""
    ]
    assert sorted((f.code, f.label) for f in back.findings) == sorted((f.code, f.label) for f in again.findings)


_ALONE = """
import hashlib, sys
from pathlib import Path
from perfeval.pipeline import Options, produce
for name in sys.argv[1:]:
    _, data = produce(Path(name), Path(name).read_bytes(), Options())
    print(hashlib.sha256(data).hexdigest())
assert "openpyxl" not in sys.modules
"""


def test_other_libraries_in_the_process_change_no_byte(finished: dict[str, Outcome], inbox: Path) -> None:
    """openpyxl, which is loaded here, makes prefixes of its own known to lxml for the whole process."""
    assert "openpyxl" in sys.modules
    sources = [str(next(inbox.rglob(name))) for name in NAMES]
    alone = subprocess.run([sys.executable, "-c", _ALONE, *sources], capture_output=True, text=True, check=True)
    outputs = [finished[name].output for name in NAMES]
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in outputs if path is not None]
    assert alone.stdout.split() == digests
