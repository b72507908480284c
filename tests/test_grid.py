"""The grid: one picture of a sheet, whichever program and format it comes from."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from decimal import Decimal

import openpyxl
import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from perfeval.model import BLANK, Cell, CellProblem
from perfeval.numbers import from_float
from perfeval.workbook.cells import CellMaker
from perfeval.workbook.formats import builtin_format, date_text, number_format, shown_number
from perfeval.workbook.grid import Book, Range, column_letter, column_number, open_book, parse_ref, ref
from perfeval.workbook.package import Package
from perfeval.workbook.scan import scan_sheet, scan_strings
from perfeval.workbook.sheet import shared_strings, walk_sheet
from tests.support.parts import MAIN, STRICT, book, parts, sheet_xml, zipped

UNCACHED, ERROR, PICTURE = CellProblem.UNCACHED, CellProblem.ERROR, CellProblem.PICTURE


def texts(found: Book, sheet: int = 0) -> dict[str, str]:
    """Address → text of the non-blank cells of a sheet."""
    return {cell.ref: cell.text for cell in found.sheets[sheet].cells.values() if cell}


class TestAddresses:
    @given(st.integers(1, 1_048_576), st.integers(1, 16_384))
    def test_an_address_comes_back(self, row: int, column: int) -> None:
        assert parse_ref(ref(row, column)) == (row, column)
        assert column_number(column_letter(column)) == column

    @pytest.mark.parametrize(
        ("text", "position"), [("A1", (1, 1)), ("$AB$12", (12, 28)), ("xfd1048576", (1048576, 16384))]
    )
    def test_spellings(self, text: str, position: tuple[int, int]) -> None:
        assert parse_ref(text) == position

    @pytest.mark.parametrize(
        "text", ["", "A", "1", "A0", "1A", "A01", "XFE1", "A1048577", "AAAA1", "A1:B2", "Ａ1", "A１"]
    )
    def test_what_is_no_address(self, text: str) -> None:
        with pytest.raises(ValueError, match="no "):
            parse_ref(text)

    @pytest.mark.parametrize(
        ("text", "plain"), [("A1:B2", "A1:B2"), ("B2:A1", "A1:B2"), ("$C$3", "C3"), ("C3:C3", "C3")]
    )
    def test_ranges(self, text: str, plain: str) -> None:
        area = Range.parse(text)
        assert area.ref == plain
        assert (area.top, area.left) in area
        assert (area.bottom + 1, area.left) not in area


class TestFormats:
    @pytest.mark.parametrize(
        ("format_code", "value", "text"),
        [
            ("General", 343, "343"),
            ("G/通用格式", 0.1 + 0.2, "0.3"),
            ("0.00", 6.666666666666667, "6.66666666666667"),
            ("#,##0.00", 1234.5, "1234.5"),
            ("0%", 0.985, "98.5%"),
            ("0.00%;[Red]-0.00%", -0.05, "-5%"),
            ('0.0"%"', 98.5, "98.5%"),
            ('0"家"', 170, "170家"),
            ('"≥"0"家"', 170, "≥170家"),
            ("0.00\\万\\元", 343, "343万元"),
            ("0!家", 5, "5家"),
            ('#,##0.00"万元";\\-#,##0.00"万元"', -3.5, "-3.5万元"),
            ("[$¥-804]#,##0.00", 5, "¥5"),
            ('_ * #,##0.00_ ;_ * \\-#,##0.00_ ;_ * "-"??_ ;_ @_ ', 5, "5"),
            ('0!.0,"万"', 12345, "12345"),  # shown in another unit: the words are not ours to add
            ("# ?/?", 0.5, "0.5"),
            ("0.00E+00", 1500, "1500"),
            ("@", 2024, "2024"),
            ("", 7, "7"),
            ("yyyy-mm-dd", 45657, "2024-12-31"),
            ('yyyy"年"m"月"d"日"', 45657, "2024-12-31"),
            ("[$-804]yyyy\\年m\\月;@", 45657, "2024-12-31"),
            ("m/d/yy h:mm", 45657.354166666664, "2024-12-31 08:30"),
            ("h:mm", 0.354166666666667, "08:30"),
            ("h:mm:ss AM/PM", 0.75001, "18:00:01"),
            ("[h]:mm", 0.5, "12:00"),
            ("[Red]0", 5, "5"),
            ('"d"0', 5, "d5"),
            ("yyyy-mm-dd", -1, "-1"),
            ("yyyy-mm-dd", 1e9, "1000000000"),
        ],
    )
    def test_what_a_person_sees(self, format_code: str, value: float, text: str) -> None:
        assert shown_number(value, number_format(format_code), False)[0] == text

    @pytest.mark.parametrize(
        ("number", "kind"),
        [(0, ""), (9, "%"), (10, "%"), (14, "d"), (20, "t"), (31, "d"), (49, ""), (57, "d"), (300, "")],
    )
    def test_formats_known_by_number(self, number: int, kind: str) -> None:
        assert builtin_format(number).kind == kind

    @pytest.mark.parametrize(
        ("serial", "date1904", "text"),
        [
            (1, False, "1900-01-01"),
            (59, False, "1900-02-28"),
            (61, False, "1900-03-01"),
            (44195, True, "2024-12-31"),
            (2958465, False, "9999-12-31"),
            (2958466, False, None),
            (45656.999999, False, "2024-12-31"),  # half a second before midnight is midnight
        ],
    )
    def test_dates(self, serial: float, date1904: bool, text: str | None) -> None:
        assert date_text(serial, date1904=date1904) == text

    @given(st.text(max_size=40), st.floats(allow_nan=False, allow_infinity=False, width=32))
    def test_no_format_fails_or_changes_the_number(self, format_code: str, value: float) -> None:
        text, number = shown_number(value, number_format(format_code), False)
        assert text
        assert number is None or number == from_float(value)


STYLES = (
    '<numFmts count="2"><numFmt numFmtId="176" formatCode="0.0%"/>'
    '<numFmt numFmtId="177" formatCode="0&quot;家&quot;"/></numFmts>'
    '<cellXfs><xf numFmtId="0"/><xf numFmtId="10"/><xf numFmtId="14"/><xf numFmtId="176"/><xf numFmtId="177"/>'
    "</cellXfs>"
)
STRINGS = (
    "<si><t>≥170家</t></si><si><t xml:space='preserve'>  </t></si>"
    "<si><r><t>全部</t></r><r><rPr><b/></rPr><t xml:space='preserve'>达成 </t></r>"
    "<rPh sb='0' eb='1'><t>ピン</t></rPh></si>"
    "<si><t>一_x000D_\n二&#13;\n三_x005F_x0041_</t><phoneticPr fontId='1'/></si>"
    "<si><t>=DISPIMG(\"ID_1\",1)</t></si><si><t/></si>"
)  # fmt: skip


def cell(
    text: str,
    number: str | None = None,
    formula: str | None = None,
    problem: CellProblem | None = None,
    picture: int | None = None,
) -> Cell:
    return Cell("A1", text, None if number is None else Decimal(number), formula, problem, picture)


# What a file stores for cell A1 → what a person sees there.
STORED: Mapping[str, Cell | None] = {
    '<c r="A1"><v>343</v></c>': cell("343", "343"),
    '<c r="A1"><v>0.5</v></c>': cell("0.5", "0.5"),
    '<c r="A1" t="n"><v>257.33000000000004</v></c>': cell("257.33", "257.33"),
    '<c r="A1"><v>1E-3</v></c>': cell("0.001", "0.001"),
    '<c r="A1"><v>1.5E+6</v></c>': cell("1500000", "1500000"),
    '<c r="A1"><v>-0</v></c>': cell("0", "0"),
    '<c r="A1" s="1"><v>0.985</v></c>': cell("98.5%", "0.985"),
    '<c r="A1" s="3"><v>0.98499999999999999</v></c>': cell("98.5%", "0.985"),
    '<c r="A1" t="n" s="3"><v>1</v></c>': cell("100%", "1"),
    '<c r="A1" s="4"><v>170</v></c>': cell("170家", "170"),
    '<c r="A1" s="2"><v>45657</v></c>': cell("2024-12-31"),
    '<c r="A1" s="99"><v>1</v></c>': cell("1", "1"),
    '<c r="A1" t="d"><v>2024-12-31T00:00:00Z</v></c>': cell("2024-12-31"),
    '<c r="A1" t="s"><v>0</v></c>': cell("≥170家"),
    '<c r="A1" t="s"><v>1</v></c>': None,
    '<c r="A1" t="s"><v>2</v></c>': cell("全部达成 "),
    '<c r="A1" t="s"><v>3</v></c>': cell("一\n二\n三_x0041_"),
    '<c r="A1" t="s"><v>4</v></c>': cell("[图片]", problem=PICTURE),
    '<c r="A1" t="s"><v>5</v></c>': None,
    '<c r="A1" t="inlineStr"><is><t>3场次 &lt;注&gt; &#26041;&#x6848;</t></is></c>': cell("3场次 <注> 方案"),
    '<c r="A1" t="inlineStr"><is><r><t>达</t></r><r><t>标</t></r></is></c>': cell("达标"),
    '<c r="A1" t="inlineStr"><is><t> </t></is></c>': None,
    '<c r="A1" t="str"><v>plain</v></c>': cell("plain"),
    '<c r="A1" t="b"><v>1</v></c>': cell("TRUE"),
    '<c r="A1" t="b"><v>0</v></c>': cell("FALSE"),
    '<c r="A1" t="e"><v>#REF!</v></c>': cell("#REF!", problem=ERROR),
    '<c r="A1" t="e" vm="3"><v>#VALUE!</v></c>': cell("[图片]", problem=PICTURE, picture=3),
    '<c r="A1" t="e" vm="x"><v>#VALUE!</v></c>': cell("[图片]", problem=PICTURE, picture=0),
    '<c r="A1"><f>1+1</f><v>2</v></c>': cell("2", "2", "1+1"),
    '<c r="A1"><f>IF(A2&lt;1,"a&amp;b",0)</f><v>0</v></c>': cell("0", "0", 'IF(A2<1,"a&b",0)'),
    '<c r="A1" s="1"><f>B1/C1</f><v>0.8313</v></c>': cell("83.13%", "0.8313", "B1/C1"),
    '<c r="A1"><f>1+1</f></c>': cell("", None, "1+1", UNCACHED),
    '<c r="A1"><f>1+1</f><v></v></c>': cell("", None, "1+1", UNCACHED),
    '<c r="A1"><f>1+1</f><v/></c>': cell("", None, "1+1", UNCACHED),
    '<c r="A1" t="str"><f>IF(1,"")</f><v></v></c>': cell("", None, 'IF(1,"")'),
    '<c r="A1" t="str"><f>B1</f><v>达标</v></c>': cell("达标", None, "B1"),
    '<c r="A1" t="e"><f>1/0</f><v>#DIV/0!</v></c>': cell("#DIV/0!", None, "1/0", ERROR),
    '<c r="A1"><f t="array" ref="A1">SUM(B1:B2)</f><v>3</v></c>': cell("3", "3", "SUM(B1:B2)"),
    '<c r="A1"><f aca="false">SUM(B1:B2)</f><v>3</v></c>': cell("3", "3", "SUM(B1:B2)"),
    '<c r="A1" t="str"><f>_xlfn.DISPIMG("ID_1",1)</f><v>=DISPIMG("ID_1",1)</v></c>': cell(
        "[图片]", None, '_xlfn.DISPIMG("ID_1",1)', PICTURE
    ),
    '<c r="A1"><f>_xlfn.DISPIMG("ID_1",1)</f></c>': cell("[图片]", None, '_xlfn.DISPIMG("ID_1",1)', PICTURE),
    '<c r="A1"><v>n.a.</v></c>': cell("n.a."),
    '<c r="A1"><v>1e999</v></c>': cell("1e999"),
    '<c r="A1" s="1"/>': None,
    '<c r="A1" s="1"></c>': None,
    '<c r="A1" t="s"></c>': None,
    '<c r="A1" s="1" t="n"><v></v></c>': None,
}  # fmt: skip


class TestCells:
    @pytest.mark.parametrize("stored", STORED)
    @pytest.mark.parametrize("spelling", ["usual", "prefixed", "strict", "pretty", "unaddressed"])
    def test_what_is_stored_and_what_is_seen(self, stored: str, spelling: str) -> None:
        """The same cell as Excel spells it and as other producers do."""
        sheet = sheet_xml(f'<row r="1">{stored}</row>', namespace=STRICT if spelling == "strict" else MAIN)
        if spelling == "prefixed":
            sheet = sheet.replace("</", "\0").replace("<", "<x:").replace("\0", "</x:").replace("xmlns=", "xmlns:x=")
        elif spelling == "pretty":
            sheet = sheet.replace("<row", "\n  <row").replace("<c ", "\n    <c ")
            sheet = f'<?xml version="1.0"?>\r\n<!-- made by hand -->\n{sheet}'
        elif spelling == "unaddressed":
            sheet = sheet.replace(' r="A1"', "").replace(' r="1"', "")
        namespace = STRICT if spelling == "strict" else MAIN
        found = open_book(zipped(parts(sheet, strings=STRINGS, styles=STYLES, namespace=namespace))).sheets[0]
        expected = STORED[stored]
        assert found.cells == ({} if expected is None else {(1, 1): expected})

    def test_shared_formulas_keep_the_text_of_their_master(self) -> None:
        rows = (
            '<row r="1"><c r="A1"><f t="shared" ref="A1:A3" si="0">B1*2</f><v>2</v></c></row>'
            '<row r="2"><c r="A2"><f t="shared" si="0"/><v>4</v></c></row>'
            '<row r="3"><c r="A3"><f si="0" t="shared"></f></c></row>'
        )
        cells = open_book(book(rows)).sheets[0].cells
        assert [(c.text, c.formula, c.problem) for c in cells.values()] == [
            ("2", "B1*2", None),
            ("4", "B1*2", None),
            ("", "B1*2", UNCACHED),
        ]

    def test_cells_and_rows_without_address_follow_each_other(self) -> None:
        rows = (
            "<row><c><v>1</v></c><c/><c><v>3</v></c></row>"
            '<row r="5"><c r="C5"><v>5</v></c><c><v>6</v></c></row><row><c><v>7</v></c></row>'
        )
        assert texts(open_book(book(rows))) == {"A1": "1", "C1": "3", "C5": "5", "D5": "6", "A6": "7"}

    def test_dates_from_1904(self) -> None:
        rows = '<row r="1"><c r="A1" s="2"><v>44195</v></c></row>'
        assert texts(open_book(book(rows, styles=STYLES, date1904=True))) == {"A1": "2024-12-31"}

    def test_only_what_holds_something_is_kept(self) -> None:
        """Wrong dimensions and styled cells at the end of the sheet cost nothing."""
        rows = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576" s="1"/></row>'
        sheet = open_book(book(rows, before='<dimension ref="A1:A1"/>', styles=STYLES)).sheets[0]
        assert (list(sheet.cells), sheet.last_row, sheet.last_column) == ([(1, 1)], 1, 1)

    def test_an_empty_formula_result_is_kept_but_not_used_space(self) -> None:
        rows = '<row r="9"><c r="C9" t="str"><f>IF(1,"")</f><v></v></c></row>'
        sheet = open_book(book(rows)).sheets[0]
        assert list(sheet.cells) == [(9, 3)]
        assert (sheet.last_row, sheet.last_column) == (0, 0)

    @pytest.mark.parametrize("flag", ["1", "true"])
    def test_hidden_rows_and_columns(self, flag: str) -> None:
        rows = '<row r="1" hidden="0"><c r="A1"><v>1</v></c></row>'
        rows += f'<row r="3" hidden="{flag}"><c r="A3"><v>3</v></c></row>'
        columns = f'<cols><col min="2" max="2" hidden="false"/><col min="4" max="6" hidden="{flag}"/></cols>'
        sheet = open_book(book(rows, before=columns)).sheets[0]
        assert (sheet.hidden_rows, sheet.hidden_columns) == ({3}, {4, 5, 6})
        assert texts(open_book(book(rows, before=columns))) == {"A1": "1", "A3": "3"}

    def test_the_last_of_two_cells_at_one_place_counts(self) -> None:
        rows = '<row r="1"><c r="A1"><v>1</v></c><c r="A1"><v>2</v></c></row>'
        assert texts(open_book(book(rows))) == {"A1": "2"}


class TestMerges:
    def test_cells_of_a_merge_are_one_cell(self) -> None:
        rows = '<row r="2"><c r="B2"><v>40</v></c><c r="C2"><v>99</v></c></row>'
        refs = ("B2:C4", "F6:E5", "A9", "?")
        merges = "".join(f'<mergeCell ref="{text}"/>' for text in refs)
        merges = f'<mergeCells count="4">{merges}</mergeCells>'
        sheet = open_book(book(rows, after=merges)).sheets[0]
        assert [merge.ref for merge in sheet.merges] == ["B2:C4", "E5:F6"]
        assert {sheet.at(row, column).text for row in (2, 3, 4) for column in (2, 3)} == {"40"}
        assert sheet.cells[2, 3].text == "99"  # what hides under a merge is not lost
        assert (sheet.anchor(4, 3), sheet.span(4, 3).ref) == ((2, 2), "B2:C4")
        assert (sheet.anchor(1, 1), sheet.span(1, 1).ref, sheet.at(1, 1)) == ((1, 1), "A1", BLANK)

    def test_merges_over_whole_rows_and_columns_cost_nothing(self) -> None:
        merges = '<mergeCells><mergeCell ref="A1:XFD3"/><mergeCell ref="B5:B1048576"/></mergeCells>'
        sheet = open_book(book('<row r="1"><c r="A1"><v>1</v></c></row>', after=merges)).sheets[0]
        assert (sheet.at(3, 9000).text, sheet.anchor(1_000_000, 2), sheet.anchor(4, 2)) == ("1", (5, 2), (4, 2))


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")) | st.just("\n"), max_size=12).filter(
    lambda text: "_x" not in text  # openpyxl writes such a text as if it were an escape
)
VALUE = st.one_of(
    TEXT,
    st.integers(-(10**12), 10**12),
    st.floats(allow_nan=False, allow_infinity=False, min_value=-1e15, max_value=1e15),
    st.booleans(),
    st.sampled_from(["=1+1", "=A1&B1", "&amp;", "<v>1</v>", "]]>"]),
)  # fmt: skip


def written_by_openpyxl(values: Mapping[tuple[int, int], object]) -> bytes:
    source = openpyxl.Workbook()
    for (row, column), value in values.items():
        source.active.cell(row, column).value = value
    target = io.BytesIO()
    source.save(target)
    return target.getvalue()


def written_by_xlsxwriter(values: Mapping[tuple[int, int], object]) -> bytes:
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, {"in_memory": True}) as source:
        sheet = source.add_worksheet()
        for (row, column), value in values.items():
            sheet.write(row - 1, column - 1, value)
    return target.getvalue()


@pytest.mark.parametrize("writer", [written_by_openpyxl, written_by_xlsxwriter])
class TestTwoWaysOneResult:
    """The fast scanner and the tree parser agree, and both agree with openpyxl."""

    @given(values=st.dictionaries(st.tuples(st.integers(1, 9), st.integers(1, 9)), VALUE, max_size=12))
    def test_scanning_equals_walking(
        self,
        writer: Callable[[Mapping[tuple[int, int], object]], bytes],
        values: Mapping[tuple[int, int], object],
    ) -> None:
        values = {(10, 10): "总分", **values}
        data = writer(values)
        package = Package.open(data)
        part = package.sheets[0].part
        content = package.read(part)
        strings_part = package.shared_strings_part
        strings = shared_strings(package.read(strings_part), strings_part) if strings_part else []
        scanned = scan_sheet(content, CellMaker(lambda: strings, ()))
        # These programs write nothing unusual; a text that spells one of its words only makes the scanner decline.
        assert scanned is not None or b"hidden" in content
        if scanned is None:
            return
        assert scanned == walk_sheet(content, part, CellMaker(lambda: strings, ()))
        if strings_part:
            assert scan_strings(package.read(strings_part)) == strings
        seen = openpyxl.load_workbook(io.BytesIO(data)).active
        for (row, column), cell in scanned.cells.items():
            value = seen.cell(row, column).value
            if cell.formula is not None:
                assert value == f"={cell.formula}"
            elif cell.problem is not None:  # a text that is the formula of an in-cell picture
                assert "DISPIMG(" in str(value)
            elif isinstance(value, str):
                assert cell.text == value
            elif isinstance(value, bool):
                assert cell.text == str(value).upper()
            else:
                assert cell.number == from_float(value)
        blank = {position for position, value in values.items() if not str(value).strip()}
        assert set(values) - blank <= set(scanned.cells)


def test_the_scanner_takes_hidden_rows_shared_formulas_and_fonts_inside_a_text() -> None:
    """Nothing of this sends a file to the slow parser."""
    rows = (
        '<row r="1" ht="20" hidden="1" x14ac:dyDescent="0.2"><c r="A1" t="s"><v>0</v></c></row>'
        '<row r="2" hidden="false"><c r="A2" s="1"><f t="shared" ref="A2:A3" si="0">B1</f><v>1</v></c></row>'
        '<row r="3"><c r="A3" t="str"><f t="shared" si="0"/><v></v></c></row>'
    )
    columns = '<cols><col min="2" max="2" width="9"/><col hidden="1" max="5" min="4" width="9"/></cols>'
    content = sheet_xml(rows, before=columns, after='<mergeCells><mergeCell ref="B1:B2"/></mergeCells>').encode()
    strings = scan_strings(
        "<sst><si><r><rPr><b/><sz val='9'/></rPr><t>说明:</t></r><r><t xml:space=\"preserve\"> 供参考</t></r>"
        '<phoneticPr fontId="1" type="noConversion"/></si></sst>'.encode()
    )
    assert strings == ["说明: 供参考"]
    scanned = scan_sheet(content, CellMaker(lambda: strings, ()))
    assert scanned is not None
    assert (scanned.hidden_rows, scanned.hidden_columns) == ({1}, {4, 5})
    content = content.replace(b"<worksheet ", b'<worksheet xmlns:x14ac="urn:x" ')
    assert scanned == walk_sheet(content, "", CellMaker(lambda: strings, ()))
