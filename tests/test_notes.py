"""Notes on problem cells: real comments, beside those of the clerk, and gone without a trace once they are settled."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
import xlsxwriter

from perfeval.workbook.carry import carry
from perfeval.workbook.extent import Geometry
from perfeval.workbook.notes import AUTHOR, Note, with_notes, without_notes
from perfeval.workbook.package import Package
from tests.support.foreign import FORM, carried, inserted, members, opened, refilled, rich_workbook, root_of
from tests.support.office import convert, requires_office, requires_validator, validation_errors

PROBLEMS = [
    Note("B9", "错误 VAL003:“超2000亿元”不是一个确定的数。\n改法:在 B9 填写确定的数字和单位。"),
    Note("A1", "<&>\x0b" + "长" * 300),
]


def plain_workbook(*, button: bool = False) -> bytes:
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out)
    sheet = book.add_worksheet(FORM)
    sheet.write("B9", "超2000亿元")
    if button:
        sheet.insert_button("D4", {"caption": "提交"})
    book.close()
    return out.getvalue()


WORKBOOKS = {
    "nothing": plain_workbook,
    "a button": lambda: plain_workbook(button=True),
    "comments of the clerk": rich_workbook,
    "everything but comments": lambda: rich_workbook(comments=False),
}


def comments_of(data: bytes) -> dict[str, tuple[str, str]]:
    return {
        cell.coordinate: (cell.comment.author, cell.comment.text)
        for row in opened(data)[FORM]
        for cell in row
        if cell.comment
    }


def noted(data: bytes, notes: list[Note] = PROBLEMS) -> bytes:
    return refilled(data, carrying={"notes": notes})


@pytest.mark.parametrize("name", WORKBOOKS)
def test_notes_are_comments_beside_those_of_the_clerk(name: str) -> None:
    data = WORKBOOKS[name]()
    theirs = comments_of(data)
    after = comments_of(noted(data))
    assert {ref: after.pop(ref)[0] for ref in ("B9", "A1")} == {"B9": AUTHOR, "A1": AUTHOR}
    assert after == theirs


@pytest.mark.parametrize("name", WORKBOOKS)
def test_a_corrected_form_bears_no_mark(name: str) -> None:
    data = WORKBOOKS[name]()
    before, after = members(refilled(data)), members(refilled(noted(data)))
    assert before.keys() == after.keys()
    assert {part for part in before if before[part] != after[part]} == set()


@pytest.mark.parametrize("name", WORKBOOKS)
def test_notes_of_last_time_are_replaced_not_added_to(name: str) -> None:
    once = noted(WORKBOOKS[name]())
    assert noted(once) == once
    other = comments_of(noted(once, [Note("C3", "权重之和不是 100")]))
    assert [ref for ref, (author, _) in other.items() if author == AUTHOR] == ["C3"]


def test_a_cell_the_clerk_commented_keeps_that_comment() -> None:
    data = rich_workbook()
    after = comments_of(noted(data, [Note("B5", "得分有误"), Note("B6", "得分有误")]))
    assert after["B5"] == comments_of(data)["B5"]
    assert after["B6"] == (AUTHOR, "perfeval:\n得分有误")


def test_comments_move_with_their_rows_and_notes_stand_where_they_are_wanted() -> None:
    data = noted(rich_workbook())
    after = refilled(data, inserted(4, before=14), carrying={"notes": [Note("B13", "缺原因")]})
    assert {ref: author for ref, (author, _) in comments_of(after).items()} == {
        "B5": "张三",
        "B20": "李四",
        "B13": AUTHOR,
    }
    rows = re.findall(rb"<x:Row>(\d+)</x:Row>", members(after)["xl/drawings/vmlDrawing1.vml"])
    assert sorted(map(int, rows)) == [4, 12, 19]


def test_a_comment_the_clerk_wrote_after_ours_stays() -> None:
    once = noted(rich_workbook())
    comments, vml = (members(once)[part] for part in ("xl/comments1.xml", "xl/drawings/vmlDrawing1.vml"))
    theirs = b'<comment ref="D7" authorId="%d"><text><t>x</t></text></comment></commentList>'
    count = comments.count(b"<author>")
    comments = comments.replace(b"</authors>", "<author>王五</author></authors>".encode())
    comments = comments.replace(b"</commentList>", theirs % count)
    left, _ = without_notes(comments, vml)
    root = root_of(refilled(once), "xl/comments1.xml")
    assert [node.get("ref") for node in root.iter("{*}comment")] == ["B5", "B16"]
    assert left is not None
    assert left.endswith(theirs % count + b"</comments>")
    assert "<author>王五</author></authors>".encode() in left  # authors are counted: ours before it must stay


FOREIGN = {
    "an empty comment of ours": b"<comments><authors><author>perfeval</author></authors><commentList>"
    b'<comment ref="A1" authorId="0"/></commentList></comments>',
    "an empty comment of theirs": b"<comments><authors><author>x</author></authors><commentList>"
    b'<comment ref="C1" authorId="0"/></commentList></comments>',
    "no comment": b"<comments><authors/><commentList/></comments>",
    "prefixed": b'<x:comments xmlns:x="u"><x:authors><x:author>perfeval</x:author></x:authors><x:commentList>'
    b'<x:comment authorId="0" ref="A1"><x:text/></x:comment></x:commentList></x:comments>',
    "author forgotten": b"<comments><authors><author> </author></authors><commentList>"
    b'<comment ref="A1" authorId="0"><text><r><rPr/><t>perfeval:</t></r><r><t>x</t></r></text></comment>'
    b'<comment ref="C1" authorId="0"><text><t>see perfeval: x</t></text></comment></commentList></comments>',
}


@pytest.mark.parametrize("name", FOREIGN)
def test_parts_of_other_programs_are_understood(name: str) -> None:
    comments = FOREIGN[name]
    left, _ = without_notes(comments, None)
    assert re.findall(rb'ref="(\w+)"', left or b"") == re.findall(rb'ref="(C1)"', comments)
    more, _ = with_notes(comments, None, [Note("B2", "x")], Geometry())
    assert more.count(b'ref="B2"') == 1


def test_a_box_is_as_large_as_its_text_whatever_the_cells_are() -> None:
    geometry = Geometry(width=lambda column: 40 * column, height=lambda row: 100)
    _, vml = with_notes(None, None, [Note("B9", "一行"), Note("B9", "一行\n" * 20)], geometry)
    sizes = []
    for anchor in re.findall(rb"<x:Anchor>([^<]*)", vml):
        left, dx, top, dy, right, ex, bottom, ey = map(int, anchor.split(b","))
        width = sum(40 * (column + 1) for column in range(left, right)) + ex - dx
        sizes.append((width, 100 * (bottom - top) + ey - dy))
    assert sizes == [(220, 46), (220, 366)]


def test_shape_ids_are_unique() -> None:
    data = noted(rich_workbook())
    ids = re.findall(rb'id="(_x0000_s\d+)"', members(data)["xl/drawings/vmlDrawing1.vml"])
    assert len(ids) == len(set(ids)) == 5  # two comments, a button, two notes


def test_the_notes_of_two_forms_in_one_workbook_do_not_meet() -> None:
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out)
    for name in (FORM, "另一张"):
        book.add_worksheet(name)
    book.close()
    package = Package.open(out.getvalue())
    parts = [carry(package, sheet, lambda row: row, notes=PROBLEMS).added for sheet in package.sheets]
    names = [part.name for added in parts for part in added]
    assert len(names) == len(set(names)) == 6
    clusters = [re.findall(rb'idmap v:ext="edit" data="(\d+)"', part.data) for added in parts for part in added]
    assert len({found[0] for found in clusters if found}) == 2
    assert carried(out.getvalue(), notes=PROBLEMS).added == parts[0]


@requires_validator
@pytest.mark.parametrize("name", WORKBOOKS)
def test_the_result_is_valid(tmp_path: Path, name: str) -> None:
    target = tmp_path / "评分表.xlsx"
    target.write_bytes(noted(WORKBOOKS[name]()))
    assert validation_errors(target) == []


@requires_office
def test_notes_are_known_again_after_libreoffice_saved_the_file(tmp_path: Path) -> None:
    source = tmp_path / "评分表.xlsx"
    source.write_bytes(noted(rich_workbook()))
    saved = convert(source, "xlsx", tmp_path / "saved").read_bytes()
    assert comments_of(saved)["B9"][1].startswith("perfeval:\n错误 VAL003")
    assert set(comments_of(refilled(saved))) == {"B5", "B16"}
