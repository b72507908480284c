"""Damaged packages and mutated sheets on the whole way: no traceback, no hang, bounded memory, never a silent guess."""

from __future__ import annotations

import re
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perfeval.pipeline import Options, Outcome, produce
from perfeval.workbook.grid import parse_ref
from tests.support.foreign import members, with_members
from tests.support.paper import Paper

INBOX = Path(__file__).resolve().parents[1] / "samples" / "inbox"
SOURCE = INBOX / "江门市投资促进局" / "招商引资专项经费.xlsx"
SHEET = "xl/worksheets/sheet1.xml"
BASE = Paper.of(SOURCE)
PACKED = BASE.workbook()
KINDS = (".xls", ".et", ".ods", ".xlsm")
OTHERS = {path.suffix: path.read_bytes() for path in sorted(INBOX.rglob("*")) if path.suffix in KINDS}
SECONDS = 5.0
MEGABYTES = 200
_SETTINGS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def processed(data: bytes) -> Outcome:
    """The outcome of a workbook, with what must hold for any bytes at all."""
    begun = time.monotonic()
    outcome, result = produce(Path("自评表.xlsx"), data, Options())
    assert time.monotonic() - begun < SECONDS
    assert outcome.bug is None, outcome.bug
    assert outcome.forms or outcome.findings, "nothing was read and nothing is said about it"
    for finding in outcome.findings:
        assert finding.message
        assert finding.fix
        assert not finding.cell or parse_ref(finding.cell)
    if result is not None:  # parts that are not ours are copied as they came, damaged or not
        again, _ = produce(Path("结果.xlsx"), result, Options())
        assert (again.bug, len(again.forms)) == (None, len(outcome.forms))
    return outcome


@_SETTINGS
@given(st.data())
def test_changed_bytes_of_a_package(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from([PACKED, *OTHERS.values()])))
    for _ in range(data.draw(st.integers(1, 12))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content))) :]
    processed(bytes(content))


@_SETTINGS
@given(st.data())
def test_parts_gone_swapped_or_cut_short(data: st.DataObject) -> None:
    parts = members(PACKED)
    names = sorted(parts)
    changes: dict[str, bytes | None] = {}
    for name in data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True)):
        whole = parts[name]
        cut = data.draw(st.integers(0, len(whole)))
        other = parts[data.draw(st.sampled_from(names))]
        changes[name] = data.draw(st.sampled_from([None, b"", whole[:cut], other, whole + whole]))
    processed(with_members(PACKED, changes))


NUMBERS = st.sampled_from(
    ["", "0", "-1", "1", "7", "99", "16384", "16385", "1048576", "1048577", "9" * 20, "1e308", "1e999", "NaN", "x"]
)
TEXTS = st.sampled_from(
    ["", " ", "=1+1", "#REF!", "_x0000_", "_xD800_", "A" * 40000, "9" * 400, "(" * 500, "1" + "亿" * 300, "≥" * 200,
     "&lt;b&gt;", "名称", "合计:", "评价年度实现值", "一、资金使用绩效:", "105家(" * 80, "\n" * 3000, "2024年" * 2000,
     "万" * 9000]
)  # fmt: skip


@_SETTINGS
@given(st.data())
def test_changed_xml_of_the_sheet(data: st.DataObject) -> None:
    """Attributes and texts of a well-formed sheet replaced by others: what a faulty exporter would write."""
    xml = members(PACKED)[SHEET].decode("utf-8")
    strings = members(PACKED)["xl/sharedStrings.xml"].decode("utf-8")
    for _ in range(data.draw(st.integers(1, 8))):
        kind = data.draw(st.sampled_from(["attribute", "value", "text", "element"]))
        if kind == "attribute":
            xml = _one(xml, r'(?<= (?:min|max|ref)=")[^"]*|(?<= [rts]=")[^"]*', data, lambda _: data.draw(NUMBERS))
        elif kind == "value":
            xml = _one(xml, r"(?<=<v>)[^<]*(?=</v>)", data, lambda _: data.draw(NUMBERS))
        elif kind == "text":
            strings = _one(strings, r"(?<=>)[^<>]+(?=</t>)", data, lambda _: data.draw(TEXTS))
        else:
            xml = _one(xml, r"<(?:c|row|mergeCell)\b[^>]*/>|</?(?:c|row|v)\b[^>]*>", data, lambda _: "")
    processed(with_members(PACKED, {SHEET: xml.encode("utf-8"), "xl/sharedStrings.xml": strings.encode("utf-8")}))


def _one(text: str, pattern: str, data: st.DataObject, change: Callable[[str], str]) -> str:
    """`text` with one of the matches of `pattern` changed."""
    found = list(re.finditer(pattern, text))
    if not found:
        return text
    match = found[data.draw(st.integers(0, len(found) - 1))]
    return text[: match.start()] + change(match[0]) + text[match.end() :]


@_SETTINGS
@given(st.data())
def test_any_text_in_any_cell(data: st.DataObject) -> None:
    paper = BASE.copy()
    places = sorted(paper.cells)
    for _ in range(data.draw(st.integers(1, 10))):
        place = data.draw(st.sampled_from(places))
        text = data.draw(st.text(max_size=60) | st.sampled_from([cell.text for cell in BASE.cells.values()]))
        paper.put(place, "".join(char for char in text if char.isprintable() or char == "\n"))
    processed(paper.workbook())


@pytest.mark.parametrize(
    "change",
    [
        lambda xml: xml.replace(
            b"<mergeCells", b'<mergeCells count="1"><mergeCell ref="A1:XFD1048576"/></mergeCells><x', 1
        ),
        lambda xml: re.sub(rb'<mergeCell ref="G10:G12"/>', b'<mergeCell ref="G10:G1048576"/>', xml),
        lambda xml: re.sub(rb'<mergeCell ref="A10:F10"/>', b'<mergeCell ref="A10:XFD10"/>', xml),
        lambda xml: re.sub(
            rb"</sheetData>",
            b"".join(b'<row r="%d"><c r="A%d"><v>1</v></c></row>' % (row, row) for row in range(60, 20000))
            + b"</sheetData>",
            xml,
        ),
        lambda xml: re.sub(
            rb"</mergeCells>",
            b"".join(b'<mergeCell ref="N%d:R%d"/>' % (row, row + 40) for row in range(60, 9000)) + b"</mergeCells>",
            xml,
        ),
    ],
    ids=["everything merged", "a header to the bottom", "a header to the right", "many rows", "overlapping merges"],
)
def test_memory_stays_bounded(change: Callable[[bytes], bytes]) -> None:
    data = with_members(PACKED, {SHEET: change})
    tracemalloc.start()
    try:
        outcome, _ = produce(Path("自评表.xlsx"), data, Options())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert outcome.bug is None, outcome.bug
    assert peak < MEGABYTES << 20
