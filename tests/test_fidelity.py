"""What becomes of a workbook that holds everything when its form is filled: part by part, and thing by thing.

The tables in tests/golden/fidelity.*.txt are made from the files themselves and are meant to be read. Of a part that
changed every changed piece is shown, so "only the rows inside it moved" can be seen. `--golden` writes them anew.
"""

from __future__ import annotations

import difflib
import functools
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from perfeval.pipeline import Options, Outcome, produce
from perfeval.workbook.extent import distance, read_geometry
from perfeval.workbook.headers import has_words, joined, overprinted, printed_of
from perfeval.workbook.package import Package
from perfeval.workbook.styles import StyleSheet
from tests.support.everything import everything
from tests.support.foreign import M, members, with_members
from tests.support.office import convert, requires_office, requires_validator, validation_errors
from tests.support.paper import Paper

GOLDEN = Path(__file__).parent / "golden"
REPOSITORY = Path(__file__).parents[1]
(LIBRARY,) = (REPOSITORY / "samples" / "inbox").rglob("*图书馆*.xlsx")
XDR = "{http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing}"
FORM_PART = "xl/worksheets/sheet1.xml"
SUFFIXES = ("xlsx", "xlsm")

# Why a part may change. What is not listed here has to keep every byte.
MAY_CHANGE = {
    "[Content_Types].xml": "two sheets of ours are new",
    "xl/_rels/workbook.xml.rels": "two sheets of ours are new",
    "xl/workbook.xml": "sheets of ours, print area and titles, names that point at moved rows, calculate anew",
    FORM_PART: "our sheet, written anew; what stands on it: see the second table",
    "xl/worksheets/sheet2.xml": "formulas that point at moved rows of the form",
    "xl/styles.xml": "the official look appended; what was there is as it was",
    "xl/charts/chart1.xml": "its series point at moved rows of the form",
    "xl/drawings/drawing1.xml": "pictures, text box and chart follow their rows; pictures keep their size",
    "xl/drawings/vmlDrawing1.vml": "the button and the box of a comment follow their rows; boxes of our notes",
    "xl/comments1.xml": "the comment follows its row; our notes",
    "xl/tables/table1.xml": "the table follows its rows",
    "docProps/custom.xml": "what we remember, beside what was there",
}
APPENDED = {"xl/styles.xml"}  # shown as counts: see test_formats_are_only_appended


def filled_form() -> Paper:
    """The real submission, with three rows more above its table than the form has: everything will move up."""
    paper = Paper.of(next((Path(__file__).parents[1] / "samples" / "inbox").rglob("招商引资专项经费.xlsx")))
    paper.insert_rows(paper.row("评价指标"), 3)
    return paper


@pytest.fixture(scope="module", params=SUFFIXES)
def case(request: pytest.FixtureRequest) -> tuple[str, bytes, bytes, Outcome]:
    """Suffix, the workbook before and after, and what was said."""
    data = everything(filled_form(), macro=request.param == "xlsm")
    outcome, result = produce(Path(f"自评表.{request.param}"), data, Options())
    assert result is not None
    return request.param, data, result, outcome


Case = tuple[str, bytes, bytes, Outcome]


def test_the_tables_are_as_reviewed(case: Case, request: pytest.FixtureRequest) -> None:
    suffix, before, after, outcome = case
    text = "\n".join((*part_table(before, after), "", *thing_table(before, after), "", *announcements(outcome), ""))
    golden = GOLDEN / f"fidelity.{suffix}.txt"
    if request.config.getoption("--golden"):
        golden.write_text(text, encoding="utf-8")
    expected = golden.read_text(encoding="utf-8")
    assert list(difflib.unified_diff(expected.splitlines(), text.splitlines(), lineterm="", n=1)) == []


def test_no_part_is_dropped_and_only_those_change_that_have_to(case: Case) -> None:
    _, data, result, _ = case
    before, after = members(data), members(result)
    assert [name for name in before if name not in after] == []
    assert list(after)[: len(before)] == list(before)  # in their order
    assert {name for name in before if before[name] != after[name]} == set(MAY_CHANGE)
    assert {name for name in after if name not in before} == {"xl/worksheets/sheet4.xml", "xl/worksheets/sheet5.xml"}


def test_every_part_keeps_its_type_and_everything_that_points_to_it(case: Case) -> None:
    _, data, result, _ = case
    before, after = Package.open(data), Package.open(result)
    for name in ("", *before.names):
        assert set(before.relationships(name)) <= set(after.relationships(name)), name
        assert not name or before.content_type(name) == after.content_type(name), name
    assert after.content_type("xl/cellimages.xml") == "application/vnd.wps-officedocument.cellimage+xml"
    assert after.content_type("xl/wpsExtra/note1.xml") == "application/vnd.wps-unknown+xml"
    assert "xl/wpsExtra/note1.xml" in {relation.target for relation in after.relationships(FORM_PART)}


def test_formats_are_only_appended(case: Case) -> None:
    _, data, result, _ = case
    before, after = (etree.fromstring(members(book)["xl/styles.xml"]) for book in (data, result))
    for listed in before:
        same = after.find(listed.tag)
        kept = [etree.tostring(child) for child in same][: len(listed)]
        assert kept == [etree.tostring(child) for child in listed], listed.tag


def test_filling_it_again_changes_nothing(case: Case) -> None:
    suffix, _, result, outcome = case
    again, same = produce(Path(f"自评表.{suffix}"), result, Options())
    assert same == result
    assert sorted(f.code for f in again.findings) == sorted(f.code for f in outcome.findings)


FOOT = "&C&9第 &P 页 共 &N 页"
# What the owner prints at the foot of the page → what is printed then, and what is said to be lost.
FEET = {
    "page numbers": ('&C&"宋体,常规"&10Page &P of &N', FOOT, ()),
    "page numbers elsewhere": ("&L- &P -&R第&P页/共&N页", FOOT, ()),
    "left": ("&L填报人：张三", "&L填报人：张三" + FOOT, ()),
    "a line to sign on": ("&L____", "&L____" + FOOT, ()),
    "both sides": ("&R&D&Lsealed && signed", "&Lsealed && signed" + FOOT + "&R&D", ()),
    "a picture": ("&L&G&C&P", "&L&G" + FOOT, ()),
    "middle": ('&C&"黑体,加粗"&K01+000某局  制表 &D', FOOT, ("某局 制表 日期",)),
    "a sign, not a field": ("&CR&&D中心", FOOT, ("R&D中心",)),
    "nothing but its look": ("&C&H&B&O", FOOT, ()),
    "without a code": ("某局&R内部", FOOT + "&R内部", ("某局",)),
    "a sign too many": ("&Lone & &", "&Lone & " + FOOT, ()),
    "a font without end": ('&Lone&"宋体', "&Lone" + FOOT, ()),
    "seal in the middle": ("&C&G", FOOT, ("图片",)),
    "too long": ("&L" + "长" * 250, FOOT, ("长" * 79 + "…",)),
    "too long in units of Excel": ("&L" + "𠮷" * 120, FOOT, ("𠮷" * 79 + "…",)),
}


@pytest.mark.parametrize("name", FEET)
def test_the_owners_foot_stays_beside_that_of_the_form_or_is_said_to_be_lost(name: str) -> None:
    theirs, foot, lost = FEET[name]
    own = printed(oddFooter=FOOT)
    carried = printed_of(printed(oddFooter=theirs))
    once = joined(own, carried) if carried else own
    given_way = overprinted(own, carried) if carried else ()
    assert shown(once) == {"oddFooter": foot}
    assert tuple(part.text for part in given_way) == lost
    assert all(part.too_long == name.startswith("too long") for part in given_way)
    assert (foot == FOOT) == (once == own)
    again = printed_of(once)
    assert (joined(own, again) if again else own) == once


PIECES = ("&L", "&C", "&R", "&P", "&&", "&", '&"宋体,常规"', "&K000000", "&12", "&G", "张三", "12", "<", "长" * 90)
ENDS = st.lists(st.sampled_from(PIECES), max_size=7).map("".join)


@given(ENDS, ENDS, ENDS, st.booleans())
def test_what_stays_at_the_ends_of_a_page_stays_the_next_time_too(head: str, foot: str, first: str, has: bool) -> None:
    own = printed(oddFooter=FOOT)
    theirs = printed(oddHeader=head, oddFooter=foot, firstFooter=first)
    carried = printed_of(theirs.replace("<headerFooter", '<headerFooter differentFirst="1"') if has else theirs)
    once = joined(own, carried) if carried else own
    again = printed_of(once)
    assert (joined(own, again) if again else own) == once
    assert not again or overprinted(own, again) == ()
    assert all(FOOT in text and len(text) <= 255 for name, text in shown(once).items() if name.endswith("Footer"))


HEADS = {
    "a picture": ({"oddHeader": "&L&G"}, {"oddHeader": "&L&G"}, ()),
    "of pages that have none of their own": ({"firstHeader": "a", "evenHeader": "b"}, {}, ()),
    "in the way of ours": ({"oddHeader": "&L甲&R乙"}, {"oddHeader": "&L我们&R乙"}, ("甲",)),
}


@pytest.mark.parametrize("name", HEADS)
def test_the_owners_header_stays_where_the_form_has_none(name: str) -> None:
    theirs, heads, lost = HEADS[name]
    own = {"oddHeader": "&L我们"} if lost else {}
    carried = printed_of(printed(**theirs))
    assert bool(carried) == bool(heads)
    if carried:
        assert shown(joined(printed(**own, oddFooter=FOOT), carried)) == {**heads, "oddFooter": FOOT}
        assert tuple(part.text for part in overprinted(printed(**own, oddFooter=FOOT), carried)) == lost
        assert shown(joined("", carried)) == theirs


def test_every_kind_of_page_has_the_foot_of_the_form() -> None:
    theirs = printed(oddHeader="a", firstFooter="&Lb").replace(
        "<headerFooter", '<headerFooter differentFirst="1" differentOddEven="1"'
    )
    both = shown(joined(printed(oddFooter="&Cf"), printed_of(theirs)))
    assert both == {"oddHeader": "a", "oddFooter": "&Cf", "evenFooter": "&Cf", "firstFooter": "&Lb&Cf"}


def printed(**texts: str) -> str:
    return f"<headerFooter>{''.join(f'<{name}>{escape(text)}</{name}>' for name, text in texts.items())}</headerFooter>"


def shown(element: str) -> dict[str, str]:
    return {etree.QName(child).localname: child.text or "" for child in etree.fromstring(element)}


ENDS_OF_A_SHEET: dict[str, dict[str, object]] = {
    "middle": {"oddFooter.center.text": "某某局制表"},
    "middle and left": {"oddFooter.center.text": "某某局制表", "oddFooter.left.text": "填报人：张三"},
    "name of the sheet": {"oddFooter.center.text": "&A"},
    "of the first page": {"differentFirst": True, "firstFooter.center.text": "首页", "oddHeader.left.text": "内部"},
    "of the first page only": {"differentFirst": True, "firstFooter.center.text": "首页"},
    "scaled": {"scaleWithDoc": False, "oddFooter.center.text": "某某局制表"},
    "too long": {"oddFooter.left.text": "长" * 240},
    "endless": {"oddFooter.center.text": "长&P" * 20_000},
}


@pytest.mark.parametrize("name", ENDS_OF_A_SHEET)
def test_what_gives_way_is_announced_and_the_second_fill_changes_nothing(tmp_path: Path, name: str) -> None:
    path = tmp_path / "自评表.xlsx"
    book = openpyxl.load_workbook(LIBRARY)
    for place, value in ENDS_OF_A_SHEET[name].items():
        *way, last = f"HeaderFooter.{place}".split(".")
        setattr(functools.reduce(getattr, way, book.active), last, value)
    book.save(path)
    outcome, result = produce(path, path.read_bytes(), Options())
    assert result is not None
    [said] = [finding.message for finding in outcome.findings if finding.code in ("TPL036", "TPL037")]
    assert len(said) < 200
    (tmp_path / "结果.xlsx").write_bytes(result)
    foot = openpyxl.load_workbook(tmp_path / "结果.xlsx").worksheets[0].oddFooter
    assert foot.center.text == "第 &P 页 共 &N 页"
    assert foot.left.text == ("填报人：张三" if name == "middle and left" else None)
    again, same = produce(path, result, Options())
    assert same == result
    assert [f.code for f in again.findings] == [f.code for f in outcome.findings]


def test_a_form_with_words_at_its_own_foot_comes_out_the_same_again(tmp_path: Path) -> None:
    pack = tmp_path / "packs" / "town-2024"
    shutil.copytree(REPOSITORY / "templates" / "jiangmen-2024", pack)
    rules = (pack / "rules.toml").read_text(encoding="utf-8").replace('"jiangmen-2024"', '"town-2024"')
    (pack / "rules.toml").write_text(rules, encoding="utf-8")
    book = openpyxl.load_workbook(pack / "form.xlsx")
    book.active.oddFooter.left.text = "某市财政局制"
    book.save(pack / "form.xlsx")
    options = Options(pack="town-2024", templates=pack.parent)
    outcome, result = produce(LIBRARY, LIBRARY.read_bytes(), options)
    assert result is not None
    again, same = produce(LIBRARY, result, options)
    assert same == result
    assert not {"TPL036", "TPL037"} & {finding.code for finding in (*outcome.findings, *again.findings)}


def test_pictures_keep_their_size_however_high_the_rows_under_them_are(case: Case) -> None:
    _, before, after, _ = case
    sizes = [{name: size for name, (_, size) in drawn(book).items() if "印章" in name} for book in (before, after)]
    assert len(sizes[0]) == 3
    assert sizes[0] == sizes[1]
    heights = [dict(rows(book)) for book in (before, after)]
    assert heights[0].keys() == heights[1].keys()
    assert all(after > before for before, after in zip(heights[0].values(), heights[1].values(), strict=True))


def test_pictures_in_cells_are_shown_as_before(case: Case) -> None:
    _, data, result, _ = case
    wanted = [b'<f>_xlfn.DISPIMG("ID_0C0FFEE",1)</f><v>=DISPIMG("ID_0C0FFEE",1)</v>', b' vm="1"><v>#VALUE!</v>']
    for book in (data, result):
        sheet = members(book)[FORM_PART].replace(b"&quot;", b'"')
        assert [sheet.count(piece) for piece in wanted] == [1, 1]


def test_what_is_lost_on_the_form_is_said(case: Case) -> None:
    _, _, _, outcome = case
    said = {finding.code: finding.message for finding in outcome.findings}
    assert "L18" in said["TPL035"]
    assert "J21" in said["TPL034"]
    assert "TPL033" not in said and "TPL030" not in said
    # A workbook without them says nothing of the kind.
    plain, _ = produce(Path("自评表.xlsx"), filled_form().workbook(), Options())
    assert not {"TPL033", "TPL034", "TPL035"} & {finding.code for finding in plain.findings}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('&C&"Times New Roman,Regular"&12&A', False),  # what LibreOffice prints unasked
        ('&C&"宋体,常规"&K000000&12第 &P 页 共 &N 页', False),
        ("&L&G&R&D &T", False),
        ("", False),
        ("&L填报人：张三&C&P", True),
        ("R&&D", True),
    ],
)
def test_only_words_that_somebody_typed_are_words(text: str, told: bool) -> None:
    assert has_words(text) == told


@pytest.mark.parametrize(
    ("runs", "told"),
    [
        (b"<r><t>a</t></r><r><rPr><b/></rPr><t>b</t></r>", True),
        (b"<r><rPr><b/></rPr><t>a</t></r><r><rPr><b/></rPr><t>b</t></r>", False),
        (b"<r><t>a</t></r><rPh sb='0' eb='1'><t>b</t></rPh>", False),
        (b"<t>a</t>", False),
    ],
)
def test_only_letters_that_differ_are_told(runs: bytes, told: bool) -> None:
    data = filled_form().workbook()
    inline = lambda xml: re.sub(  # noqa: E731
        rb'<c r="L18"[^>]*>.*?</c>', b'<c r="L18" t="inlineStr"><is>' + runs + b"</is></c>", xml
    )
    outcome, _ = produce(Path("自评表.xlsx"), with_members(data, {FORM_PART: inline}), Options())
    assert ("TPL035" in {finding.code for finding in outcome.findings}) == told


@pytest.mark.parametrize("words", ["", "填报人：张三"])
def test_words_at_the_foot_of_a_strict_workbook_are_said_to_be_lost(tmp_path: Path, words: str) -> None:
    book = openpyxl.load_workbook(LIBRARY)
    book.active.oddFooter.left.text = words
    book.save(tmp_path / "自评表.xlsx")
    data = (tmp_path / "自评表.xlsx").read_bytes()
    usual, strict = b"http://schemas.openxmlformats.org/", b"http://purl.oclc.org/ooxml/"
    parts = {
        name: part.replace(usual + b"spreadsheetml/2006/main", strict + b"spreadsheetml/main")
        for name, part in members(data).items()
    }
    parts = {
        name: part.replace(usual + b"officeDocument/2006/", strict + b"officeDocument/") for name, part in parts.items()
    }
    outcome, _ = produce(Path("自评表.xlsx"), with_members(data, parts), Options())
    assert outcome.forms
    lost = "".join(finding.params["what"] for finding in outcome.findings if finding.code == "TPL033")
    assert ("页眉页脚的文字" in lost) == bool(words)


@requires_office
@pytest.mark.parametrize("kind", ["xls", "ods"])
@pytest.mark.parametrize("words", ["", "&D &A", "填报人：张三", "made by Li"])
def test_words_at_the_foot_that_cannot_be_carried_are_said_to_be_lost(tmp_path: Path, words: str, kind: str) -> None:
    book = openpyxl.load_workbook(LIBRARY)
    book.active.oddFooter.left.text = words
    book.active.oddFooter.center.text = "第 &P 页 共 &N 页"
    book.save(tmp_path / "自评表.xlsx")
    old = convert(tmp_path / "自评表.xlsx", kind, tmp_path / "old")
    outcome, _ = produce(old, old.read_bytes(), Options())
    lost = "".join(finding.params["what"] for finding in outcome.findings if finding.code == "TPL033")
    assert ("页眉页脚的文字" in lost) == bool(words.strip("&DA "))


@requires_office
@pytest.mark.parametrize("kind", ["xls", "ods"])
def test_a_format_that_cannot_be_carried_says_what_is_lost(tmp_path: Path, kind: str) -> None:
    book = tmp_path / "自评表.xlsx"
    book.write_bytes(everything(filled_form()))
    other = convert(book, kind, tmp_path / "other")
    outcome, result = produce(other, other.read_bytes(), Options())
    assert result is not None
    [said] = [finding for finding in outcome.findings if finding.code == "TPL033"]
    assert {"图片", "图表", "批注"} <= set(said.params["what"].split("、"))
    # Our own notes are no loss: they are made anew.
    finished = tmp_path / "评分表.xlsx"
    finished.write_bytes(result)
    back = convert(finished, kind, tmp_path / "back")
    assert b"perfeval" in members(result)["xl/comments1_1.xml"]
    again, _ = produce(back, back.read_bytes(), Options())
    assert "TPL033" not in {f.code for f in again.findings if f not in outcome.findings}


@requires_validator
def test_the_validator_has_nothing_to_say_that_it_did_not_say_before(case: Case, tmp_path: Path) -> None:
    suffix, before, after, _ = case
    said = []
    for name, data in (("before", before), ("after", after)):
        path = tmp_path / f"{name}.{suffix}"
        path.write_bytes(data)
        said.append([error.partition(": ")[2] for error in validation_errors(path)])
    assert [error for error in said[1] if error not in said[0]] == []


# ---- the tables -----------------------------------------------------------------------------------------------------


def part_table(before: bytes, after: bytes) -> Iterator[str]:
    """Every part of both packages and what became of it."""
    old, new = members(before), members(after)
    package = Package.open(after)
    yield "# Parts: = byte for byte the same, ~ changed, + ours, - dropped"
    for name in dict.fromkeys((*old, *new)):
        mark = "-" if name not in new else "+" if name not in old else "=" if old[name] == new[name] else "~"
        kind = (package.content_type(name) or "").removeprefix("application/").rpartition(".")[2]
        yield f"{mark} {name}  ({kind or 'no type'})" + (f"  – {MAY_CHANGE[name]}" if mark == "~" else "")
        if mark == "~" and name != FORM_PART:
            yield from counts(old[name], new[name]) if name in APPENDED else changes(old[name], new[name])


def changes(before: bytes, after: bytes) -> Iterator[str]:
    """The pieces of XML – a tag, a text – that differ; long ones shortened."""
    pieces = [re.findall(r"<[^>]+>|[^<]+", data.decode()) for data in (before, after)]
    matcher = difflib.SequenceMatcher(None, *pieces, autojunk=False)
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind != "equal":
            yield from (f"      - {short(piece)}" for piece in pieces[0][a:b])
            yield from grouped([f"      + {short(piece)}" for piece in pieces[1][c:d]])


def short(piece: str) -> str:
    piece = " ".join(piece.split())
    return piece if len(piece) <= 110 else piece[:100] + " …"


def grouped(lines: list[str]) -> list[str]:
    return lines if len(lines) <= 12 else [*lines[:8], f"      + … {len(lines) - 8} pieces more"]


def counts(before: bytes, after: bytes) -> Iterator[str]:
    """How many entries each list has."""
    old, new = etree.fromstring(before), etree.fromstring(after)
    for listed in new:
        was = old.find(listed.tag)
        if was is None or len(was) != len(listed):
            yield f"      {etree.QName(listed).localname}: {0 if was is None else len(was)} → {len(listed)}"


def thing_table(before: bytes, after: bytes) -> Iterator[str]:
    """Everything on the form sheet that is no cell of the form, where it stood and where it stands."""
    yield "# On the form sheet: where it stood → where it stands"
    old, new = dict(things(before)), dict(things(after))
    for name in dict.fromkeys((*old, *new)):
        yield f"{name}: {old.get(name, '(none)')} → {new.get(name, '(none)')}"


def things(book: bytes) -> Iterator[tuple[str, str]]:
    sheet = etree.fromstring(members(book)[FORM_PART])
    for name, (place, size) in drawn(book).items():
        yield name, f"{place}, {size[0]} × {size[1]} px"
    vml = members(book)["xl/drawings/vmlDrawing1.vml"].decode()
    for data in re.findall(r"<x:ClientData ObjectType=\"Button\">.*?</x:ClientData>", vml, re.S):
        column, _, row = (int(number) for number in re.findall(r"<x:Anchor>([^<]*)", data)[0].split(",")[:3])
        yield "button", f"{letter(column)}{row + 1}"
    comments = etree.fromstring(members(book)["xl/comments1.xml"])
    authors = [author.text for author in comments.iter(f"{M}author")]
    theirs = [c.get("ref") for c in comments.iter(f"{M}comment") if authors[int(c.get("authorId"))] != "perfeval"]
    yield "comment of the clerk", " ".join(theirs)
    for kind, path, key in (
        ("link", "hyperlinks/hyperlink", "ref"), ("drop-down list", "dataValidations/dataValidation", "sqref"),
        ("conditional format", "conditionalFormatting", "sqref"),
    ):  # fmt: skip
        found = sheet.findall("/".join(M + step for step in path.split("/")))
        yield kind, " ".join(sorted(item.get(key) for item in found))
    for rule in sheet.iterfind(f"{M}conditionalFormatting/{M}cfRule"):
        if rule.find(f"{M}dataBar") is not None:
            yield "data bar", str(rule.getparent().get("sqref"))
    yield "sparkline", " ".join(f"{line[1].text} of {line[0].text}" for line in sheet.iter("{*}sparkline"))
    yield "header", str(sheet.findtext(f"{M}headerFooter/{M}oddHeader"))
    for name in ("legacyDrawingHF", "picture", "drawing", "legacyDrawing", "tableParts"):
        element = sheet.find(M + name)
        yield (
            f"<{name}>",
            "(none)" if element is None else " ".join(value for n in element.iter() for value in n.values()),
        )
    tab = sheet.find(f"{M}sheetPr/{M}tabColor")
    yield "colour of the tab", "(none)" if tab is None else tab.get("rgb")
    yield "name for macros", sheet.find(f"{M}sheetPr").get("codeName", "(none)")
    for cell in sheet.iter(f"{M}c"):
        formula = cell.findtext(f"{M}f") or ""
        if "DISPIMG" in formula or cell.get("vm"):
            yield ("picture in a cell (WPS)" if formula else "picture in a cell (Excel)"), cell.get("r")


def letter(column: int) -> str:
    return chr(65 + column)


def drawn(book: bytes) -> dict[str, tuple[str, tuple[int | None, int | None]]]:
    """Pictures, shapes and charts of the form sheet: the cell they begin in, and their size in pixels."""
    package = Package.open(book)
    geometry = read_geometry(package.read(FORM_PART), StyleSheet.of(package).digit)
    found = {}
    for anchor in etree.fromstring(package.read("xl/drawings/drawing1.xml")):
        properties = next(anchor.iter(f"{XDR}cNvPr"))
        begin, end = ([int(number.text or "") for number in corner] for corner in anchor[:2])
        name = properties.get("descr") or properties.get("name", "")
        size = [
            distance((begin[at], begin[at + 1]), (end[at], end[at + 1]), cells, 9525)
            for at, cells in ((0, geometry.width), (2, geometry.height))
        ]
        pixels = tuple(None if side is None else round(side / 9525) for side in size)
        found[name] = f"{letter(begin[0])}{begin[2] + 1}", pixels
    return found


def rows(book: bytes) -> Iterator[tuple[str, int]]:
    """For every picture the height of the row it begins in."""
    package = Package.open(book)
    geometry = read_geometry(package.read(FORM_PART), StyleSheet.of(package).digit)
    for name, (place, _) in drawn(book).items():
        if "印章" in name:
            yield name, geometry.height(int(place[1:]))


def announcements(outcome: Outcome) -> Iterator[str]:
    yield "# What is said about the writing"
    for finding in outcome.findings:
        if finding.code in ("TPL029", "TPL030", "TPL033", "TPL034", "TPL035", "TPL036", "TPL037"):
            yield f"{finding.code} {finding.message}"
