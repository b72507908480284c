"""What people put on the form sheet besides cells is kept and follows its rows; other parts keep every byte."""

from __future__ import annotations

import io
import re
import time
from pathlib import Path

import pytest
import xlsxwriter
from lxml import etree

from perfeval.workbook.anchors import moved_controls, moved_drawing, moved_formulas, moved_refs, moved_vml
from perfeval.workbook.carry import carry
from perfeval.workbook.edit import edited
from perfeval.workbook.extent import Geometry, Resize, read_geometry
from perfeval.workbook.notes import without_notes
from perfeval.workbook.package import Package
from perfeval.workbook.rules import Rules
from tests.support.foreign import (
    FORM,
    M,
    carried,
    identity,
    inserted,
    members,
    opened,
    refilled,
    rich_workbook,
    root_of,
    with_members,
)
from tests.support.office import convert, requires_office, requires_validator, validation_errors

SHEET = "xl/worksheets/sheet1.xml"
XDR = "{http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing}"
DOWN_4 = inserted(4, before=14)

# Which parts may change when the form is written anew, and nothing moves or everything from row 14 on moves.
CHANGED = {
    "same rows": {SHEET},
    "four rows more": {
        SHEET,
        "xl/workbook.xml",  # print area and a name that points at the total
        "xl/worksheets/sheet2.xml",  # a formula that points at the total
        "xl/charts/chart1.xml",  # its series
        "xl/drawings/drawing1.xml",  # picture, text box, chart
        "xl/drawings/vmlDrawing1.vml",  # a note's box, the button
        "xl/comments1.xml",
        "xl/tables/table1.xml",
    },
}


@pytest.fixture(scope="module")
def rich() -> bytes:
    return rich_workbook()


@pytest.mark.parametrize(("case", "row_map"), [("same rows", identity), ("four rows more", DOWN_4)])
def test_all_other_parts_keep_every_byte(rich: bytes, case: str, row_map) -> None:
    before, after = members(rich), members(refilled(rich, row_map))
    assert list(before) == list(after)
    assert {name for name in before if before[name] != after[name]} == CHANGED[case]


def test_objects_follow_their_rows(rich: bytes) -> None:
    def rows(data: bytes) -> dict[str, list[int]]:
        found = {}
        for anchor in root_of(data, "xl/drawings/drawing1.xml"):
            name = next(node.get("name", "") for node in anchor.iter(f"{XDR}cNvPr"))
            found[name] = [int(row.text or "") + 1 for row in anchor.iter(f"{XDR}row")]
        return found

    before, after = rows(rich), rows(refilled(rich, DOWN_4))
    assert before.keys() == after.keys() == {"Picture 1", "Chart 2", "TextBox 3"}
    # All three stand wholly below the insertion: shape and size are kept.
    assert {name: [row - 4 for row in rows] for name, rows in after.items()} == before


def test_a_fixed_size_is_kept_and_a_stretching_one_stretches(rich: bytes) -> None:
    inside = inserted(3, before=17)  # inside the picture (rows 15–17) and the chart (from 14 on)
    before, after = (root_of(data, "xl/drawings/drawing1.xml") for data in (rich, refilled(rich, inside)))

    def heights(root: etree._Element) -> dict[str, int]:
        ends = {}
        for anchor in root:
            top, bottom = (int(row.text or "") for row in anchor.iter(f"{XDR}row"))
            ends[anchor.get("editAs", "twoCell") + str(top)] = bottom - top
        return ends

    was, now = heights(before), heights(after)
    assert {key: now[key] - was[key] for key in was} == {"oneCell14": 0, "twoCell15": 3, "twoCell13": 3}


def test_comments_and_their_boxes_follow_their_rows(rich: bytes) -> None:
    after = refilled(rich, DOWN_4)
    book = opened(after)
    comments = {cell.coordinate: cell.comment.author for row in book[FORM] for cell in row if cell.comment}
    assert comments == {"B5": "张三", "B20": "李四"}
    boxes = re.findall(rb"<x:Row>(\d+)</x:Row>", members(after)["xl/drawings/vmlDrawing1.vml"])
    assert boxes == [b"4", b"19"]
    # The button has no cell; its anchor says where it stands.
    anchors = re.findall(rb"<x:Anchor>([^<]*)", members(after)["xl/drawings/vmlDrawing1.vml"])
    old = re.findall(rb"<x:Anchor>([^<]*)", members(rich)["xl/drawings/vmlDrawing1.vml"])
    moved = [int(new.split(b",")[2]) - int(was.split(b",")[2]) for new, was in zip(anchors, old, strict=True)]
    assert sorted(moved) == [0, 4, 4]


@pytest.mark.parametrize(
    ("path", "attribute", "before", "after"),
    [
        ("conditionalFormatting", "sqref", ["B13:B16", "A13:A16"], ["B13:B20", "A13:A20"]),
        ("dataValidations/dataValidation", "sqref", ["C13:C16"], ["C13:C20"]),
        ("hyperlinks/hyperlink", "ref", ["A14", "A17"], ["A18", "A21"]),
        ("hyperlinks/hyperlink", "location", [None, f"'{FORM}'!B20"], [None, f"'{FORM}'!B24"]),
        ("sheetPr/tabColor", "rgb", ["FF00B050"], ["FF00B050"]),
    ],
)
def test_rules_follow_their_rows(rich: bytes, path: str, attribute: str, before: list, after: list) -> None:
    path = "/".join(M + step for step in path.split("/"))
    for data, expected in ((rich, before), (refilled(rich, DOWN_4), after)):
        assert [node.get(attribute) for node in root_of(data, SHEET).iterfind(path)] == expected


def test_formulas_of_rules_and_sparklines_follow_their_rows(rich: bytes) -> None:
    root = root_of(refilled(rich, DOWN_4), SHEET)
    assert [node.text for node in root.iterfind(f"{M}conditionalFormatting//{M}formula")] == ["$B13>$B$24"]
    assert [node.text for node in root.iter("{*}sqref")] == ["B13:B20", "L18"]
    sparkline = next(root.iter("{*}sparkline"))
    assert [node.text for node in sparkline] == [f"'{FORM}'!A13:F13", "L18"]


def test_formulas_elsewhere_follow_our_rows_and_only_ours(rich: bytes) -> None:
    after = refilled(rich, DOWN_4)
    sheet, chart = root_of(after, "xl/worksheets/sheet2.xml"), members(after)["xl/charts/chart1.xml"].decode()
    assert [node.text for node in sheet.iter(f"{M}f")] == [f"'{FORM}'!B24+B20"]
    assert [node.text for node in sheet.iter(f"{M}formula")] == [f"'{FORM}'!$B$24>1"]
    assert f"<c:f>'{FORM}'!$B$13:$B$20</c:f>" in chart
    assert "<c:f>佐证!$A$2</c:f>" in chart


def test_macros_keep_the_name_they_know_the_sheet_by() -> None:
    macro = rich_workbook(macro=True)
    after = refilled(macro, DOWN_4)
    assert root_of(after, SHEET).find(f"{M}sheetPr").get("codeName") == "评分表"
    assert members(after)["xl/vbaProject.bin"] == members(macro)["xl/vbaProject.bin"]


CONTROLS = (
    '<mc:AlternateContent xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"><mc:Choice'
    ' xmlns:x14="http://schemas.microsoft.com/office/spreadsheetml/2009/9/main" Requires="x14"><controls>'
    '<control shapeId="1026" r:id="rId90" name="复选框 1"><controlPr defaultSize="0" linkedCell="$B$16">'
    "<anchor{stretch}>"
    "<from><xdr:col>1</xdr:col><xdr:colOff>0</xdr:colOff><xdr:row>14</xdr:row><xdr:rowOff>9525</xdr:rowOff></from>"
    "<to><xdr:col>3</xdr:col><xdr:colOff>0</xdr:colOff><xdr:row>16</xdr:row><xdr:rowOff>9525</xdr:rowOff></to>"
    "</anchor></controlPr></control></controls></mc:Choice></mc:AlternateContent>"
)


@pytest.mark.parametrize(
    ("stretch", "rows"), [("", ["14", "16"]), (' moveWithCells="1" sizeWithCells="1"', ["14", "19"])]
)
def test_form_controls_follow_their_rows_and_their_linked_cell_too(rich: bytes, stretch: str, rows: list[str]) -> None:
    controls = CONTROLS.format(stretch=stretch)
    spaces = b'<worksheet xmlns:xdr="http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing" '
    links = "xl/worksheets/_rels/sheet1.xml.rels"
    relation = b'<Relationship Id="rId90" Type="x/ctrlProp" Target="../ctrlProps/ctrlProp1.xml"/></Relationships>'
    data = with_members(
        rich,
        {
            SHEET: lambda xml: xml.replace(b"<worksheet ", spaces).replace(
                b"<tableParts", controls.encode() + b"<tableParts"
            ),
            links: lambda xml: xml.replace(b"</Relationships>", relation),
            "xl/ctrlProps/ctrlProp1.xml": b'<formControlPr objectType="CheckBox" fmlaLink="$B$16"/>',
        },
    )
    down_3 = inserted(3, before=16)
    after = refilled(data, down_3)
    control = next(root_of(after, SHEET).iter(f"{M}control"))
    assert control.find(f"{M}controlPr").get("linkedCell") == "$B$19"
    assert [row.text for row in control.iter(f"{XDR}row")] == rows
    assert b'fmlaLink="$B$19"' in members(after)["xl/ctrlProps/ctrlProp1.xml"]
    assert members(refilled(data))["xl/ctrlProps/ctrlProp1.xml"] == members(data)["xl/ctrlProps/ctrlProp1.xml"]


def test_what_has_a_fixed_size_keeps_it_when_the_rows_under_it_become_higher(rich: bytes) -> None:
    before = Geometry(height=lambda row: 20)
    for higher, ends in ((20, "16"), (40, "15"), (10, "18")):
        resize = Resize(before, Geometry(height=lambda row, height=higher: height))
        moved = moved_controls(CONTROLS.format(stretch=""), identity, FORM, resize)
        assert re.findall(r"<xdr:row>(\d+)", moved) == ["14", ends]
        again = Resize(resize.after, resize.after)
        assert moved_controls(moved, identity, FORM, again) == moved  # what fits is not touched
    sheet = members(rich)[SHEET].replace(b'<row r="16"', b'<row r="16" ht="30" customHeight="1"')
    sheet = sheet.replace(b'<row r="17"', b'<row r="17" hidden="1"')
    sizes = read_geometry(sheet, 8)
    assert [sizes.height(row) for row in (15, 16, 17, 99)] == [20, 40, 0, 20]


def test_threaded_comments_follow_their_rows() -> None:
    thread = b'<ThreadedComments><threadedComment ref="B16"><text>ref="B16"</text></threadedComment></ThreadedComments>'
    assert moved_refs(thread, DOWN_4) == thread.replace(b'Comment ref="B16"', b'Comment ref="B20"')
    assert moved_refs(thread, identity) is thread


def test_our_rules_of_last_time_are_not_taken_for_the_clerks(rich: bytes) -> None:
    template = etree.fromstring(
        f'<worksheet xmlns="{M[1:-1]}"><conditionalFormatting sqref="A3">'
        '<cfRule type="expression" dxfId="7" priority="9">'
        "<formula>$B3&gt;$B$5</formula></cfRule></conditionalFormatting>"
        '<dataValidations><dataValidation type="list" sqref="C3 H4"><formula1>"是,否"</formula1></dataValidation>'
        "</dataValidations></worksheet>"
    )
    own = Rules.of(template)
    families = [rule.family for rule in carried(rich, own=own).rules]
    assert families.count("dataValidation") == 0
    assert families.count("conditionalFormatting") == 1  # the data bar is the clerk's
    # The same list in another column is the clerk's own.
    foreign = with_members(rich, {SHEET: lambda xml: xml.replace(b'sqref="C13:C16"', b'sqref="C13:D16"')})
    assert [rule.family for rule in carried(foreign, own=own).rules].count("dataValidation") == 1


def test_rules_do_not_multiply_when_a_file_is_filled_again_and_again(rich: bytes) -> None:
    package = Package.open(rich)
    own = Rules.of(etree.fromstring(package.read(SHEET)))
    rules = own.expanded(lambda row: (row, row))
    once = refilled_with(rich, own, rules)
    assert refilled_with(once, own, rules) == once
    assert len(root_of(once, SHEET).findall(f"{M}conditionalFormatting")) == 2


def refilled_with(data: bytes, own: Rules, rules) -> bytes:
    package = Package.open(data)
    kept = carry(package, package.sheets[0], identity, own=own)
    return edited(package, sheets={SHEET: kept.worksheet({"sheetData": "<sheetData/>"}, rules)})


def test_priorities_of_two_sources_do_not_collide(rich: bytes) -> None:
    template = etree.fromstring(
        f'<x xmlns="{M[1:-1]}"><conditionalFormatting sqref="Z1"><cfRule type="expression" priority="2">'
        "<formula>Z1</formula>"
        '</cfRule></conditionalFormatting><conditionalFormatting sqref="Z2"><cfRule type="expression" priority="1">'
        "<formula>Z2</formula></cfRule></conditionalFormatting></x>"
    )
    rules = Rules.of(template).expanded(lambda row: (row, row))
    root = etree.fromstring(carried(rich).worksheet({"sheetData": "<sheetData/>"}, rules))
    given = [
        (block.get("sqref"), rule.get("priority")) for block in root.iter(f"{M}conditionalFormatting") for rule in block
    ]
    assert given == [("Z1", "2"), ("Z2", "1"), ("B13:B16", "3"), ("A13:A16", "4")]


SPELLINGS = {
    "default namespace": lambda xml: xml,
    "prefix on every element": lambda xml: re.sub(rb"<(/?)(?=[a-z])", rb"<\1x:", xml.replace(b"xmlns=", b"xmlns:x=")),
    "no cells": lambda xml: re.sub(rb"<sheetData>.*</sheetData>", b"<sheetData/>", xml, flags=re.S),
    "UTF-16": lambda xml: xml.decode().replace('encoding="UTF-8"', 'encoding="UTF-16"').encode("utf-16"),
}


UNCLOSED = [
    b"<xdr:twoCellAnchor>",
    b"<xdr:from>",
    b"<x:ClientData ",
    b"<x:Anchor>",
    b'<comment ref="A1"',
    b"<f ",
    b"<f>A1<",
    b"</f>",
]


@pytest.mark.parametrize("piece", UNCLOSED)
def test_a_part_made_to_waste_time_does_not(piece: bytes) -> None:
    part = b"<xdr:twoCellAnchor><x:ClientData><comment>" + piece * (1_000_000 // len(piece)) + b"</comment>"
    begin = time.perf_counter()
    for move in (moved_drawing, moved_vml, moved_refs):
        move(part, DOWN_4)
    moved_formulas(part, DOWN_4, FORM, unqualified=True)
    without_notes(part, part)
    assert time.perf_counter() - begin < 10  # searching anew for every piece takes hours


def test_a_part_in_another_encoding_is_left_alone() -> None:
    part = "<worksheet><f>SUM(B20)&amp;佐证!B20</f></worksheet>"
    assert moved_formulas(part.encode("gbk"), DOWN_4, FORM, unqualified=True) == part.encode("gbk")
    assert moved_formulas(part.encode(), DOWN_4, FORM, unqualified=True) == part.replace("(B20", "(B24").encode()


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_sheet_is_understood_however_it_is_spelled(spelling: str) -> None:
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out)
    sheet = book.add_worksheet(FORM)
    sheet.write("A1", "</sheetData><conditionalFormatting>")
    sheet.data_validation("C13", {"validate": "list", "source": ["<是>", "否&"]})
    sheet.set_tab_color("red")
    book.close()
    kept = carried(with_members(out.getvalue(), {SHEET: SPELLINGS[spelling]}), DOWN_4)
    root = etree.fromstring(kept.worksheet({"sheetData": "<sheetData/>"}))
    validation = next(root.iter(f"{M}dataValidation"))
    assert (validation.get("sqref"), validation[0].text) == ("C13", '"<是>,否&"')
    assert root.find(f"{M}sheetPr/{M}tabColor").get("rgb") == "FFFF0000"


def test_a_sheet_meant_for_another_part_points_nowhere(rich: bytes) -> None:
    kept = carried(rich, linked=False)
    xml = kept.worksheet({"sheetData": "<sheetData/>"})
    assert b":id=" not in xml
    assert b"dataValidation" in xml
    assert not (kept.replaced or kept.added or kept.removed)


def test_filling_twice_gives_the_same_bytes(rich: bytes) -> None:
    once = refilled(rich, DOWN_4)
    assert refilled(once) == once


@requires_validator
@pytest.mark.parametrize("macro", [False, True], ids=["xlsx", "xlsm"])
def test_the_result_is_valid(tmp_path: Path, macro: bool) -> None:
    target = tmp_path / ("评分表.xlsm" if macro else "评分表.xlsx")
    target.write_bytes(refilled(rich_workbook(macro=macro), DOWN_4))
    assert validation_errors(target) == []


@requires_office
def test_libreoffice_shows_everything_at_its_row(tmp_path: Path, rich: bytes) -> None:
    source = tmp_path / "评分表.xlsx"
    source.write_bytes(refilled(rich, DOWN_4))
    saved = convert(source, "xlsx", tmp_path / "saved").read_bytes()
    book = opened(saved)
    form = book[FORM]
    assert {cell.coordinate for row in form for cell in row if cell.comment} == {"B5", "B20"}
    assert form._images[0].anchor._from.row + 1 == 19
    assert form.sheet_properties.tabColor.rgb == "FF00B050"
    assert book["佐证"]["A1"].value == f"={FORM}!B24+B20"
