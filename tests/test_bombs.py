"""Bombs under a limit that the system enforces: a child with little memory and time refuses or reads each of them."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.foreign import members, with_members
from tests.support.parts import book, parts, sheet_xml, zipped

INBOX = Path(__file__).resolve().parents[1] / "samples" / "inbox"
SHEET = "xl/worksheets/sheet1.xml"
MEBIBYTES = 700  # of address space, the interpreter and all libraries included
SECONDS = 60  # of processor time, for all bombs together; an endless one is ended by the system
# Runs in the child: limits first, so that not even an import escapes them.
CHILD = f"""
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, ({MEBIBYTES} << 20,) * 2)
resource.setrlimit(resource.RLIMIT_CPU, ({SECONDS},) * 2)
from perfeval.cli import main
main(["check", "--json", "--jobs", "1", sys.argv[1]])
"""


def stored(name: str, content: bytes) -> bytes:
    found = {**parts(sheet_xml("")), name: content}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for member, data in found.items():
            archive.writestr(member, data)
    return out.getvalue()


def bombs() -> dict[str, tuple[bytes, str]]:
    """File name → content and the code it is refused with."""
    sample = (INBOX / "江门市投资促进局" / "招商引资专项经费.xlsx").read_bytes()
    assert SHEET in members(sample)
    laughs = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "lol"}">' for n in range(12))
    quadratic = f'<!DOCTYPE x [<!ENTITY a "{"x" * 100_000}">]>'
    text = '<c r="A1" t="inlineStr"><is><t>{}</t></is></c>'
    wide = b'<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"'
    wide += b' xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"'
    wide += b' xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:spreadsheet>'
    wide += b'<table:table table:name="a"><table:table-row table:number-rows-repeated="1048576"><table:table-cell '
    wide += b'table:number-columns-repeated="16384" office:value-type="string"><text:p>x</text:p></table:table-cell>'
    wide += b"</table:table-row></table:table></office:spreadsheet></office:body></office:document-content>"
    merged = b'<mergeCells><mergeCell ref="N1:XFD1048576"/></mergeCells>'
    media = b"application/vnd.oasis.opendocument.spreadsheet"
    return {
        "全是空白.xlsx": (stored(SHEET, bytes(96 << 20)), "TPL006"),
        "太大的部分.xlsx": (stored(SHEET, bytes(97 << 20)), "TPL006"),
        "十亿个笑.xlsx": (zipped(parts(f"<!DOCTYPE x [{laughs}]>" + sheet_xml(text.format("&e11;")))), "TPL007"),
        "平方.xlsx": (zipped(parts(quadratic + sheet_xml(text.format("&a;" * 100_000)))), "TPL007"),
        "深.xlsx": (zipped({**parts(sheet_xml("")), "xl/workbook.xml": "<a>" * 200_000}), "TPL012"),
        "无数单元格.xlsx": (
            book("".join(f'<row r="{r}">' + "<c><v>1</v></c>" * 1000 + "</row>" for r in range(1, 1102))),
            "TPL014",
        ),
        "远处一格.xlsx": (book('<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'), "TPL020"),
        "铺满.ods": (zipped({"mimetype": media, "content.xml": wide}), "TPL014"),
        "并到底.xlsx": (
            with_members(sample, {SHEET: lambda xml: xml.replace(b"<mergeCells", merged + b"<x", 1)}),
            "",
        ),
    }  # fmt: skip


@pytest.mark.skipif(sys.platform != "linux", reason="limits on memory as Linux enforces them")
def test_every_bomb_is_refused_within_little_memory(tmp_path: Path) -> None:
    expected = {}
    for name, (data, code) in bombs().items():
        (tmp_path / name).write_bytes(data)
        expected[name] = code
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path)], capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 1, done.stderr
    found = {
        Path(file["path"]).name: [finding["code"] for finding in file["findings"]]
        for file in json.loads(done.stdout)["files"]
    }
    assert found.keys() == expected.keys()
    for name, code in expected.items():
        assert "SYS001" not in found[name], name
        assert not code or code in found[name], (name, found[name])
