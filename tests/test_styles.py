"""Formats taken into another workbook's style sheet look the same there, and nothing else in it changes."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from copy import copy

import openpyxl
import pytest
from lxml import etree
from openpyxl.styles import Alignment, Border, Color, Font, PatternFill, Protection, Side

from perfeval.workbook.adopting import Look
from perfeval.workbook.package import Package
from perfeval.workbook.styles import StyleSheet
from tests.support.foreign import M, members, opened, rich_workbook, with_members

STYLES = "xl/styles.xml"
TINT = "FFFFC7CE"

# Every kind of thing a form's cell may look like; each is one cell of the template.
LOOKS: dict[str, dict[str, object]] = {
    "plain": {},
    "title": {
        "font": Font(name="方正小标宋简体", sz=18, b=True),
        "alignment": Alignment(horizontal="center", wrap_text=True),
    },
    "label": {"font": Font(name="宋体", sz=10.5, color="FF0000FF"), "fill": PatternFill("solid", fgColor="FFD9E1F2")},
    "boxed": {"border": Border(left=Side("thin"), right=Side("medium", color="FFFF0000"), top=Side("double"))},
    "open": {"protection": Protection(locked=False), "number_format": "@"},
    "percent": {"number_format": "0.0%"},
    "own format": {"number_format": '0.00"万元"'},
    "long own format": {"number_format": '[>=100]0"家";0.##'},
    "theme colour": {
        "font": Font(color=Color(theme=4, tint=0.4)),
        "fill": PatternFill("solid", fgColor=Color(theme=9)),
    },
    "palette colour": {"font": Font(color=Color(indexed=10))},
    "turned": {"alignment": Alignment(text_rotation=255, vertical="top", indent=1, shrink_to_fit=True)},
}
ASPECTS = ("font", "fill", "border", "alignment", "protection", "number_format")


def template() -> bytes:
    """A workbook with one cell for each look, from A1 down."""
    book = openpyxl.Workbook()
    for row, look in enumerate(LOOKS.values(), 1):
        cell = book.active.cell(row, 1, row)
        for aspect, value in look.items():
            setattr(cell, aspect, value)
    return saved(book)


def foreign() -> bytes:
    """A workbook with formats of its own, among them some that get in the way."""
    book = openpyxl.Workbook()
    for row in range(1, 9):
        cell = book.active.cell(row, 1, row)
        cell.font = Font(name="仿宋", sz=10 + row)
        cell.number_format = ['0.00"家"', "0.0%", 'yyyy"年"'][row % 3]
    return saved(book)


def saved(book: openpyxl.Workbook) -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def sheet_of(data: bytes) -> StyleSheet:
    return StyleSheet.of(Package.open(data))


def numbers(data: bytes) -> list[int]:
    """The cell formats used in the first sheet, by row."""
    root = etree.fromstring(members(data)["xl/worksheets/sheet1.xml"])
    return [int(cell.get("s", "0")) for cell in root.iter(f"{M}c")]


def look(cell: openpyxl.cell.Cell) -> list[object]:
    """What a cell looks like; the scheme of a font only says where its name came from."""
    aspects = [getattr(cell, aspect) for aspect in ASPECTS]
    return [{**vars(a), "scheme": None} if isinstance(a, Font) else a for a in map(copy, aspects)]


def shown_in(target: bytes, styles: bytes, xfs: list[int]) -> list[openpyxl.cell.Cell]:
    """Cells with the formats `xfs`, in the workbook `target` with the new style sheet."""
    cells = "".join(f'<row r="{row}"><c r="A{row}" s="{xf}"><v>1</v></c></row>' for row, xf in enumerate(xfs, 1))
    sheet = f'<worksheet xmlns="{M[1:-1]}"><sheetData>{cells}</sheetData></worksheet>'.encode()
    book = opened(with_members(target, {STYLES: styles, "xl/worksheets/sheet1.xml": sheet}))
    return [book.worksheets[0].cell(row, 1) for row in range(1, len(xfs) + 1)]


@pytest.mark.parametrize("target", [foreign, rich_workbook], ids=["openpyxl", "xlsxwriter"])
def test_adopted_formats_look_as_they_did(target: Callable[[], bytes]) -> None:
    source, data = template(), target()
    # Same colours on both sides: what a foreign theme does is another test.
    data = with_members(data, {"xl/theme/theme1.xml": members(source)["xl/theme/theme1.xml"]})
    adoption = sheet_of(data).adopt(sheet_of(source), numbers(source))
    cells = shown_in(data, adoption.data, [adoption.xf[number] for number in numbers(source)])
    originals = [opened(source).active.cell(row, 1) for row in range(1, len(LOOKS) + 1)]
    for name, cell, original in zip(LOOKS, cells, originals, strict=True):
        assert dict(zip(ASPECTS, look(cell), strict=True)) == dict(zip(ASPECTS, look(original), strict=True)), name


def test_what_was_there_stays_and_counts_are_right() -> None:
    data = rich_workbook()
    before = etree.fromstring(members(data)[STYLES])
    source = template()
    after = etree.fromstring(sheet_of(data).adopt(sheet_of(source), numbers(source), looks=[Look(1, TINT)]).data)
    assert [child.tag for child in after if child.tag != f"{M}numFmts"] == [child.tag for child in before]
    for child in before:
        grown = after.find(child.tag)
        assert [etree.tostring(entry) for entry in grown][: len(child)] == [etree.tostring(entry) for entry in child]
        if grown.get("count") is not None:
            assert int(grown.get("count")) == len(grown)
    xfs = after.find(f"{M}cellXfs")
    assert {xf.get("xfId") for xf in xfs[len(before.find(f"{M}cellXfs")) :]} == {"0"}


KEPT = {
    "extensions": '<extLst><ext uri="{EB79DEF2-80B8-43e5-95BD-54CBDDF9020C}"/></extLst>',
    "colours and extensions": "<colors><mruColors><color rgb='FF112233'/></mruColors></colors>"
    "<extLst><ext uri='{x}'/></extLst>",
}


@pytest.mark.parametrize("tail", KEPT.values(), ids=KEPT)
def test_extensions_and_palettes_stay_behind_what_is_appended(tail: str) -> None:
    data = re.sub(rb"(?=</styleSheet>)", tail.encode(), members(rich_workbook())[STYLES])
    after = etree.fromstring(StyleSheet.parse(data).adopt(sheet_of(template()), [1, 2]).data)
    before = etree.fromstring(data)
    kept = len(etree.fromstring(f"<x>{tail}</x>"))
    assert [etree.tostring(node) for node in after[-kept:]] == [etree.tostring(node) for node in before[-kept:]]


def test_nothing_is_said_twice() -> None:
    target, source = sheet_of(foreign()), sheet_of(template())
    wanted = range(len(LOOKS))
    once = target.adopt(source, wanted, looks=[Look(1, TINT)])
    twice = StyleSheet.parse(once.data, target.theme).adopt(source, wanted, looks=[Look(1, TINT)])
    assert twice.data is once.data
    assert (twice.xf, twice.looks) == (once.xf, once.looks)


@pytest.mark.parametrize("first", [[], [2, 3], list(range(len(LOOKS)))], ids=str)
def test_taking_in_more_at_once_is_taking_in_more_after_reading_again(first: list[int]) -> None:
    """What is known of the entries after one adoption serves the next one."""
    target, source, more = sheet_of(foreign()), sheet_of(template()), sheet_of(rich_workbook())
    once = target.adopt(source, first, looks=[Look(1, TINT, quoted=True)])
    known, read = StyleSheet.parse(once.data, target.theme), StyleSheet(once.data, target.theme)
    for wanted, looks in (([1, 5, 6], [Look(1, TINT)]), ([1, 4, 6], []), ([8], [Look(6, unlocked=True)])):
        for other in (source, more):
            xfs = [xf for xf in wanted if other is source or xf < 3]
            assert known.adopt(other, xfs, looks=looks[: other is source]) == read.adopt(
                other, xfs, looks=looks[: other is source]
            )


def test_the_own_style_sheet_is_adopted_without_a_trace() -> None:
    source = template()
    adoption = sheet_of(source).adopt(sheet_of(source), range(len(LOOKS)), [])
    assert adoption.data is sheet_of(source).data
    assert adoption.xf == {number: number for number in range(len(LOOKS))}


# Ways in which other programs spell the same format.
RESPELLED: dict[str, Callable[[bytes], bytes]] = {
    "font properties in another order": lambda xml: re.sub(
        rb'(<name val="[^"]*" ?/>)(.*?)(<sz val="[^"]*" ?/>)', rb"\3\2\1", xml
    ),
    "flags spelled out": lambda xml: xml.replace(b"<xf ", b'<xf applyFont="1" applyFill="1" '),
    "defaults spelled out": lambda xml: xml.replace(
        b"<alignment ", b'<alignment readingOrder="0" justifyLastLine="0" '
    ),
    "true for 1": lambda xml: xml.replace(b'wrapText="1"', b'wrapText="true"'),
    "switches in short": lambda xml: re.sub(rb'<b val="1" ?/>', b"<b/>", xml),
    "fonts from the theme": lambda xml: xml.replace(b"</font>", b'<scheme val="minor"/></font>', 2),
}


@pytest.mark.parametrize("spelling", RESPELLED)
def test_the_same_look_is_recognised_however_it_is_spelled(spelling: str) -> None:
    source = sheet_of(template())
    plain = re.sub(rb' apply\w+="[^"]*"', b"", re.sub(rb"<scheme[^>]*>", b"", source.data))
    respelled = RESPELLED[spelling](plain)
    assert respelled != plain
    target = StyleSheet.parse(respelled, source.theme)
    assert target.adopt(source, range(len(LOOKS))).data is target.data


def test_a_format_that_switches_something_off_is_not_taken_for_one_that_does_not() -> None:
    source = sheet_of(template())
    target = StyleSheet.parse(
        re.sub(rb' apply\w+="[^"]*"', b"", source.data).replace(b"<xf ", b'<xf applyBorder="0" '), source.theme
    )
    assert target.adopt(source, [3]).xf[3] >= len(LOOKS)


def test_a_tint_changes_the_fill_and_nothing_else() -> None:
    source, data = template(), foreign()
    xfs = numbers(source)
    adoption = sheet_of(data).adopt(sheet_of(source), xfs, looks=[Look(xf, TINT) for xf in xfs])
    plain = shown_in(data, adoption.data, [adoption.xf[xf] for xf in xfs])
    tinted = shown_in(data, adoption.data, [adoption.looks[Look(xf, TINT)] for xf in xfs])
    for cell, marked in zip(plain, tinted, strict=True):
        assert marked.fill.fgColor.rgb == TINT
        assert [a == b for a, b in zip(look(cell), look(marked), strict=True)] == [True, False, True, True, True, True]


def test_a_locked_format_can_be_opened_for_one_cell() -> None:
    source, data = template(), foreign()
    xfs = numbers(source)
    adoption = sheet_of(data).adopt(sheet_of(source), xfs, looks=[Look(xf, unlocked=True) for xf in xfs])
    cells = shown_in(data, adoption.data, [adoption.xf[xf] for xf in xfs])
    opened_ones = shown_in(data, adoption.data, [adoption.looks[Look(xf, unlocked=True)] for xf in xfs])
    assert [cell.protection.locked for cell in cells] == [name != "open" for name in LOOKS]
    assert not any(cell.protection.locked for cell in opened_ones)
    same = [[a == b for a, b in zip(look(x), look(y), strict=True)] for x, y in zip(cells, opened_ones, strict=True)]
    assert all(row == [True, True, True, True, name == "open", True] for row, name in zip(same, LOOKS, strict=True))


THEME = "xl/theme/theme1.xml"


def test_theme_colours_become_plain_ones_under_another_theme() -> None:
    source = template()
    other = with_members(
        foreign(), {THEME: lambda xml: xml.replace(b"4F81BD", b"123456").replace(b"F79646", b"654321")}
    )
    adoption = sheet_of(other).adopt(sheet_of(source), range(len(LOOKS)))
    cell = shown_in(other, adoption.data, [adoption.xf[number] for number in numbers(source)])[8]
    assert cell.fill.fgColor.rgb == "FFF79646"
    # Excel shows accent 1 of this theme, 40 % lighter, as 95B3D7.
    shown = bytes.fromhex(cell.font.color.rgb)
    assert all(abs(a - b) <= 1 for a, b in zip(shown, bytes.fromhex("FF95B3D7"), strict=True))


def test_theme_colours_stay_theme_colours_under_the_same_theme() -> None:
    source, data = template(), foreign()
    adoption = sheet_of(data).adopt(sheet_of(source), range(len(LOOKS)))
    cell = shown_in(data, adoption.data, [adoption.xf[number] for number in numbers(source)])[8]
    assert (cell.font.color.theme, cell.font.color.tint) == (4, 0.4)


def test_palette_colours_become_plain_ones_under_another_palette() -> None:
    source = template()
    palette = b"<colors><indexedColors>" + b'<rgbColor rgb="00ABCDEF"/>' * 64 + b"</indexedColors></colors>"
    theme = sheet_of(source).theme
    target = StyleSheet.parse(re.sub(rb"(?=</styleSheet>)", palette, sheet_of(foreign()).data), theme)
    adoption = target.adopt(sheet_of(source), [9])
    assert 'rgb="FFFF0000"' in etree.tostring(etree.fromstring(adoption.data).find(f"{M}fonts")[-1]).decode()


def test_differential_formats_are_adopted_and_recognised() -> None:
    data = rich_workbook()
    other, source = sheet_of(foreign()), sheet_of(data)
    once = other.adopt(source, [], [0, 1])
    root, original = etree.fromstring(once.data), etree.fromstring(source.data)
    for number, new in once.dxf.items():
        pair = [
            etree.tostring(tree.find(f"{M}dxfs")[at], method="c14n") for tree, at in ((root, new), (original, number))
        ]
        assert pair[0] == pair[1]
    assert StyleSheet.parse(once.data, other.theme).adopt(source, [], [0, 1]).data is once.data


MEAGRE = {
    "no formats at all": f'<styleSheet xmlns="{M[1:-1]}"/>',
    "only cell formats": f'<styleSheet xmlns="{M[1:-1]}"><cellXfs count="1"><xf/></cellXfs></styleSheet>',
    "wild numbers": f'<styleSheet xmlns="{M[1:-1]}"><cellXfs><xf fontId="99999" fillId="-1" borderId="x" numFmtId=""/>'
    "</cellXfs></styleSheet>",
}


@pytest.mark.parametrize("xml", MEAGRE.values(), ids=MEAGRE)
def test_a_meagre_style_sheet_is_completed(xml: str) -> None:
    source = template()
    adoption = StyleSheet.parse(xml.encode()).adopt(sheet_of(source), numbers(source))
    root = etree.fromstring(adoption.data)
    assert [child.tag.removeprefix(M) for child in root] == [
        "numFmts", "fonts", "fills", "borders", "cellStyleXfs", "cellXfs",
    ]  # fmt: skip
    assert [fill[0].get("patternType") for fill in root.find(f"{M}fills")[:2]] == ["none", "gray125"]
    # The cells of other sheets that have format 0 do not take on one of ours.
    assert 0 not in {adoption.xf[number] for number in numbers(source)[1:]}


def test_equal_bytes_are_parsed_once_and_answers_remembered() -> None:
    data, source = foreign(), sheet_of(template())
    assert sheet_of(data) is sheet_of(data)
    assert sheet_of(data).adopt(source, [1, 2]) is sheet_of(data).adopt(source, [2, 1, 1])
