"""The package around our sheet: only what must change changes, and foreign content is never in the way."""

from __future__ import annotations

import io
from pathlib import Path

import openpyxl
import pytest
import xlsxwriter
from lxml import etree

from perfeval.workbook.edit import NewSheet, editable, edited, free_sheet_name
from perfeval.workbook.listing import with_entries
from perfeval.workbook.opc import with_content_types, with_relationship, without_relationships
from perfeval.workbook.package import Package
from perfeval.workbook.properties import custom_properties, new_properties, with_properties
from tests.support.foreign import FORM, M, inserted, members, opened, refilled, rich_workbook, root_of, with_members
from tests.support.office import recalculate, requires_office, requires_validator, validation_errors

BOOK = "xl/workbook.xml"
CHAIN_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.calcChain+xml"


def sheet_xml(text: str) -> bytes:
    cells = f'<row r="1"><c r="A1" t="inlineStr"><is><t>{text}</t></is></c></row>'
    return f'<worksheet xmlns="{M[1:-1]}"><sheetData>{cells}</sheetData></worksheet>'.encode()


def with_calc_chain(data: bytes) -> bytes:
    parts = members(data)
    links, _ = with_relationship(parts["xl/_rels/workbook.xml.rels"], "calcChain", "calcChain.xml")
    types = with_content_types(parts["[Content_Types].xml"], (), [("xl/calcChain.xml", CHAIN_TYPE)])
    chain = f'<calcChain xmlns="{M[1:-1]}"><c r="A1" i="2"/></calcChain>'.encode()
    changes = {"xl/_rels/workbook.xml.rels": links, "[Content_Types].xml": types, "xl/calcChain.xml": chain}
    return with_members(data, changes)


def without_calculation_mark(data: bytes) -> bytes:
    return with_members(data, {BOOK: lambda xml: xml.replace(b' fullCalcOnLoad="1"', b"")})


@pytest.fixture(scope="module")
def rich() -> bytes:
    return rich_workbook()


def test_every_program_is_told_to_calculate_anew(rich: bytes) -> None:
    source = without_calculation_mark(with_calc_chain(rich))
    after = members(refilled(source))
    assert root_of(refilled(source), BOOK).find(f"{M}calcPr").get("fullCalcOnLoad") == "1"
    assert "xl/calcChain.xml" not in after
    assert b"calcChain" not in after["[Content_Types].xml"] + after["xl/_rels/workbook.xml.rels"]
    # Without it the lists are what they were before there was one.
    assert after["[Content_Types].xml"] == members(rich)["[Content_Types].xml"]
    assert after["xl/_rels/workbook.xml.rels"] == members(rich)["xl/_rels/workbook.xml.rels"]


def test_a_workbook_without_calculation_properties_gets_them_at_their_place(rich: bytes) -> None:
    def strip(xml: bytes) -> bytes:
        root = etree.fromstring(xml)
        root.remove(root.find(f"{M}calcPr"))
        root.append(etree.fromstring(f'<extLst xmlns="{M[1:-1]}"/>'))
        return etree.tostring(root)

    root = root_of(refilled(with_members(rich, {BOOK: strip})), BOOK)
    assert [child.tag.removeprefix(M) for child in root][-2:] == ["calcPr", "extLst"]


def names_of(data: bytes) -> dict[tuple[str, str | None], str]:
    found = root_of(data, BOOK).iterfind(f"{M}definedNames/{M}definedName")
    return {(name.get("name", ""), name.get("localSheetId")): name.text or "" for name in found}


def test_names_follow_their_rows_and_print_settings_are_ours(rich: bytes) -> None:
    after = refilled(rich, inserted(4, before=14), print_titles={FORM: "10:12"}, print_areas={FORM: "A1:L24"})
    assert names_of(after) == {
        ("_xlnm.Print_Area", "0"): f"{FORM}!$A$1:$L$24",
        ("_xlnm.Print_Titles", "0"): f"{FORM}!$10:$12",
        ("_xlnm.Print_Area", "1"): "佐证!$A$1:$B$20",
        ("编号", "1"): "佐证!$B$20",
        ("总分", None): f"'{FORM}'!$B$24",
    }


def test_print_settings_are_made_where_there_are_none() -> None:
    book = openpyxl.Workbook()
    book.active.title = "2024 年'评分'"
    out = io.BytesIO()
    book.save(out)
    package = Package.open(out.getvalue())
    title = package.sheets[0].name
    after = edited(package, sheets={}, print_titles={title: "10:12"}, print_areas={title: "A1:L24"})
    sheet = opened(after).worksheets[0]
    assert (sheet.print_title_rows, sheet.print_area) == ("$10:$12", "'2024 年''评分'''!$A$1:$L$24")


OURS = (
    NewSheet("问题清单", sheet_xml("问题"), after=FORM),
    NewSheet("_perfeval", sheet_xml("记录"), state="veryHidden"),
)


NAMES = (
    b'<definedNames><definedName name="x" comment="z">\xe8\xa1\xa8!$A$2</definedName>'
    b'<definedName name="_xlnm.Print_Area" localSheetId="1">1</definedName>'
    b'<definedName name="_xlnm.Print_Area" localSheetId="0">2</definedName></definedNames>'
)


def _plain_workbook() -> bytes:
    stream = io.BytesIO()
    with xlsxwriter.Workbook(stream) as book:
        book.add_worksheet(FORM)
        book.add_worksheet("a & b").hide()
    return stream.getvalue()


@pytest.mark.parametrize(
    ("old", "new", "usual"),
    [
        (b"", b"", True),
        (b"<calcPr", b"<externalReferences/><calcPr", True),
        (b' fullCalcOnLoad="1"', b' iterate="1"', True),
        (b"<bookViews>", b"<!-- seen --><bookViews>", False),
        (b"<calcPr", NAMES + b"<calcPr", True),
        (b"<calcPr", NAMES.replace(b"><d", b"> <d") + b"<calcPr", False),
        (b"<calcPr", NAMES.replace(b"$A$2", b"A&lt;2") + b"<calcPr", False),
        (b"<sheets>", b"<sheets >", True),
        (b"</sheets>", b"</sheets >", False),
        (b"<workbookView ", b'<workbookView activeTab="7" ', False),
        (b'sheetId="2"', b"sheetId='2'", False),
        (b'sheetId="2"', b'sheetId="9"', True),
    ],
)
def test_a_list_of_sheets_edited_as_text_says_what_an_edited_tree_says(
    monkeypatch: pytest.MonkeyPatch, old: bytes, new: bytes, usual: bool
) -> None:
    plain = _plain_workbook()
    assert old in members(plain)[BOOK]
    assert _as_text_and_as_tree(monkeypatch, with_members(plain, {BOOK: lambda xml: xml.replace(old, new, 1)})) == usual


def test_a_list_of_sheets_of_another_library_is_edited_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.BytesIO()
    book = openpyxl.Workbook()
    book.active.title = FORM
    book.active.print_area = "A1:B2"
    book.save(stream)
    assert _as_text_and_as_tree(monkeypatch, stream.getvalue())


def _as_text_and_as_tree(monkeypatch: pytest.MonkeyPatch, source: bytes) -> bool:
    """Hold both ways against each other; whether there were two."""
    asked: list[bool] = []

    def canonical(xml: bytes) -> bytes:
        return etree.tostring(etree.fromstring(xml), method="c14n")

    def watched(*args: object) -> bytes | None:
        found = with_entries(*args)  # type: ignore[arg-type]
        asked.append(found is not None)
        return found

    def made() -> dict[str, bytes]:
        package = Package.open(source)
        result = edited(
            package,
            sheets={package.sheets[0].part: sheet_xml("z")},
            print_titles={FORM: "10:12"},
            print_areas={FORM: "A1:L40"},
            new_sheets=(NewSheet("列 <1>", sheet_xml("x")), NewSheet("_x", sheet_xml("y"), "veryHidden")),
            row_maps={FORM: lambda row: row + 3},
        )
        return members(result)

    monkeypatch.setattr("perfeval.workbook.edit.with_entries", watched)
    as_text = made()
    monkeypatch.setattr("perfeval.workbook.edit.with_entries", lambda *_: None)
    as_tree = made()
    assert canonical(as_text.pop(BOOK)) == canonical(as_tree.pop(BOOK))
    assert as_text == as_tree
    return asked == [True]


def test_our_own_sheets_come_in_at_their_place(rich: bytes) -> None:
    after = refilled(rich, new_sheets=OURS)
    book = opened(after)
    assert book.sheetnames == [FORM, "问题清单", "佐证", "底稿", "_perfeval"]
    assert [sheet.title for sheet in book.worksheets if sheet.sheet_state == "veryHidden"] == ["底稿", "_perfeval"]
    assert (book["问题清单"]["A1"].value, book["_perfeval"]["A1"].value) == ("问题", "记录")
    # Names of a sheet are counted by position: those of the evidence sheet moved with it.
    assert names_of(after)["编号", "2"] == "佐证!$B$20"
    assert book["佐证"].print_area == "'佐证'!$A$1:$B$20"


def test_our_own_sheets_go_without_a_trace(rich: bytes) -> None:
    once = refilled(rich, new_sheets=OURS)
    after = refilled(once, drop_sheets={"问题清单", "_perfeval"})
    assert members(after).keys() == members(rich).keys()
    for part in ("[Content_Types].xml", "xl/_rels/workbook.xml.rels"):
        assert members(after)[part] == members(rich)[part]
    assert names_of(after) == names_of(rich)
    assert [sheet.get("name") for sheet in root_of(after, BOOK).iter(f"{M}sheet")] == [FORM, "佐证", "底稿"]


def test_replacing_our_sheets_keeps_parts_ids_and_bytes(rich: bytes) -> None:
    once = refilled(rich, new_sheets=OURS)
    assert refilled(once, new_sheets=OURS, drop_sheets={"问题清单", "_perfeval"}) == once


def test_parts_another_program_gave_our_sheet_go_with_it(rich: bytes) -> None:
    once = members(refilled(rich, new_sheets=OURS[:1]))
    name = next(part for part in once if part.startswith("xl/worksheets/sheet") and "问题".encode() in once[part])
    links = name.replace("worksheets/", "worksheets/_rels/") + ".rels"
    settings, _ = with_relationship(None, "printerSettings", "../printerSettings/printerSettings9.bin")
    shared, _ = with_relationship(settings, "image", "../media/image1.png")
    saved = with_members(
        refilled(rich, new_sheets=OURS[:1]), {links: shared, "xl/printerSettings/printerSettings9.bin": b"\0"}
    )
    assert members(refilled(saved, drop_sheets={"问题清单"})).keys() == members(rich).keys()


@pytest.mark.parametrize(("active", "expected"), [(0, 0), (1, 0), (2, 1)])
def test_the_sheet_in_front_stays_in_front(rich: bytes, active: int, expected: int) -> None:
    once = refilled(rich, new_sheets=OURS[:1])
    viewed = with_members(
        once, {BOOK: lambda xml: xml.replace(b"<workbookView", b'<workbookView activeTab="%d"' % active)}
    )
    after = refilled(viewed, drop_sheets={"问题清单"})
    assert root_of(after, BOOK).find(f"{M}bookViews/{M}workbookView").get("activeTab") == str(expected)


@pytest.mark.parametrize(
    ("wanted", "taken", "name"),
    [
        ("问题清单", ["评分表"], "问题清单"),
        ("问题清单", ["问题清单", "问题清单(2)"], "问题清单(3)"),
        ("List", ["LIST"], "List(2)"),
        ("长" * 40, ["长" * 31], "长" * 28 + "(2)"),
    ],
)
def test_sheet_names_are_free_and_short_enough(wanted: str, taken: list[str], name: str) -> None:
    assert free_sheet_name(wanted, taken) == name


PROPERTIES = {"perfeval.pack": "jiangmen-2024", "perfeval.note": "<&>\x0b_x0041_"}


def test_custom_properties_are_merged_with_foreign_ones(rich: bytes) -> None:
    after = refilled(rich, custom_properties=PROPERTIES)
    assert custom_properties(Package.open(after)) == {"文号": "粤财〔2024〕1号", "份数": "3", **PROPERTIES}
    pids = [entry.get("pid") for entry in root_of(after, "docProps/custom.xml")]
    assert pids == ["2", "3", "4", "5"]
    assert refilled(after, custom_properties=PROPERTIES) == after
    gone = refilled(after, custom_properties=dict.fromkeys(PROPERTIES))
    assert custom_properties(Package.open(gone)) == {"文号": "粤财〔2024〕1号", "份数": "3"}


def test_custom_properties_are_made_where_there_are_none() -> None:
    out = io.BytesIO()
    xlsxwriter.Workbook(out).close()
    after = edited(Package.open(out.getvalue()), sheets={}, custom_properties=PROPERTIES)
    assert custom_properties(Package.open(after)) == PROPERTIES
    assert opened(after).custom_doc_props["perfeval.pack"].value == "jiangmen-2024"


def test_a_property_of_another_type_becomes_a_text() -> None:
    before = new_properties({"a": "1"}).replace(b"lpwstr", b"i4")
    assert b"<vt:lpwstr>1</vt:lpwstr>" in with_properties(before, {"a": "1"})


def test_a_workbook_without_style_sheet_gets_one(rich: bytes) -> None:
    def unlinked(xml: bytes) -> bytes:
        ids = {entry.get("Id") for entry in etree.fromstring(xml) if entry.get("Type").endswith("/styles")}
        return without_relationships(xml, ids) or b""

    bare = with_members(rich, {"xl/styles.xml": None, "xl/_rels/workbook.xml.rels": unlinked})
    styles = members(rich)["xl/styles.xml"]
    package = Package.open(edited(Package.open(bare), sheets={}, styles=styles))
    assert package.styles_part is not None
    assert package.read(package.styles_part) == styles


@pytest.mark.parametrize(
    ("change", "answer"), [(b"", True), (b"http://purl.oclc.org/ooxml", False)], ids=["usual", "strict"]
)
def test_the_strict_variant_is_not_editable(rich: bytes, change: bytes, answer: bool) -> None:
    usual = b"http://schemas.openxmlformats.org"
    data = with_members(
        rich, {"_rels/.rels": lambda xml: xml.replace(usual + b"/officeDocument/2006", change) if change else xml}
    )
    assert editable(Package.open(data)) is answer


LISTS = {
    "usual": b'<Relationships xmlns="u"><Relationship Id="rId1" Type="t" Target="a.xml"/></Relationships>',
    "prefixed": b"<p:Relationships xmlns:p='u'><p:Relationship Target='a.xml' Type='t' Id='rId1'></p:Relationship>"
    b"</p:Relationships>",
    "with line ends": b'<Relationships xmlns="u">\r\n  <Relationship Id="rId1" Type="t" Target="a>b.xml" />\r\n'
    b"</Relationships>\r\n",
}


@pytest.mark.parametrize("data", LISTS.values(), ids=LISTS)
def test_a_relationship_comes_and_goes_without_a_trace(data: bytes) -> None:
    more, rel_id = with_relationship(data, "comments", "../comments1.xml")
    assert rel_id == "rId2"
    assert [entry.get("Id") for entry in etree.fromstring(more)] == ["rId1", "rId2"]
    assert without_relationships(more, {rel_id}) == data
    assert without_relationships(data, {"rId1"}) is None


def test_deterministic(rich: bytes) -> None:
    def run() -> bytes:
        return refilled(rich, inserted(2, before=15), new_sheets=OURS, custom_properties=PROPERTIES)

    assert run() == run()


@requires_validator
def test_the_result_is_valid(tmp_path: Path, rich: bytes) -> None:
    target = tmp_path / "评分表.xlsx"
    source = without_calculation_mark(with_calc_chain(rich))
    target.write_bytes(
        refilled(
            source, inserted(4, before=14), new_sheets=OURS, custom_properties=PROPERTIES,
            print_titles={FORM: "10:12"}, print_areas={FORM: "A1:L24"},
        )
    )  # fmt: skip
    assert validation_errors(target) == []


@requires_office
def test_formulas_that_followed_give_the_same_values(tmp_path: Path, rich: bytes) -> None:
    for name, data in (("before.xlsx", rich), ("after.xlsx", refilled(rich, inserted(4, before=14)))):
        (tmp_path / name).write_bytes(data)
        result = recalculate(tmp_path / name, tmp_path / "out").read_bytes()
        values = opened(result, values=True)
        assert values["佐证"]["A1"].value == 19  # the total's cell, wherever it is now
