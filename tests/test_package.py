"""The package: raw copies stay raw, parts are found by what points to them, hostile files are refused by name."""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest
import xlwt
from hypothesis import given, settings
from hypothesis import strategies as st

from perfeval.findings import code
from perfeval.workbook import guard, magic
from perfeval.workbook.archive import Archive
from perfeval.workbook.grid import open_book
from perfeval.workbook.package import BadWorkbook, Package, parse_xml
from tests.support.office import convert, requires_office
from tests.support.parts import MAIN, STRICT, book, parts, sheet_xml, xlsb, zipped

SHEET = "xl/worksheets/sheet1.xml"
ROWS = '<row r="1"><c r="A1" t="inlineStr"><is><t>项目</t></is></c><c r="B1"><v>343</v></c></row>'


def refusal(action: Callable[[], object]) -> str:
    """The code with which `action` refuses."""
    with pytest.raises(BadWorkbook) as caught:
        action()
    finding = caught.value.finding()
    assert "{" not in finding.message + finding.fix  # every parameter of the sentence is supplied
    return caught.value.code


def read_all(data: bytes) -> int:
    """Open a workbook and look at everything in it."""
    return sum(len(sheet.cells) + len(sheet.merges) + sheet.last_row for sheet in open_book(data).sheets)


class _Unseekable(io.RawIOBase):
    """A target as a program has it that writes to a pipe: sizes follow the data."""

    def __init__(self) -> None:
        self.data = b""

    def writable(self) -> bool:
        return True

    def write(self, piece: object) -> int:
        self.data += bytes(piece)  # type: ignore[call-overload]
        return len(bytes(piece))  # type: ignore[call-overload]


def odd_archive() -> bytes:
    """A workbook whose members have everything a zip writer may add."""
    target = _Unseekable()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[arg-type]
        archive.comment = "备注".encode()
        for number, (name, content) in enumerate(parts(sheet_xml(ROWS)).items()):
            info = zipfile.ZipInfo(name, (2024, 12, 31, 8, 30, 2 * number))
            info.compress_type = zipfile.ZIP_DEFLATED if number % 2 else zipfile.ZIP_STORED
            info.external_attr, info.internal_attr, info.create_system = 0o644 << 16, 1, 3
            info.extra = struct.pack("<HHBL", 0x5455, 5, 1, 1735600000)
            info.comment = b"part"
            archive.writestr(info, content)
        info = zipfile.ZipInfo("xl/media/", (2024, 1, 1, 0, 0, 0))
        archive.writestr(info, b"")
        with archive.open("xl/media/图片1.png", "w", force_zip64=True) as member:
            member.write(bytes(range(256)) * 20)
    return target.data


def members(data: bytes) -> dict[str, tuple[object, ...]]:
    """What a zip file says of each member, with the packed bytes."""
    found: dict[str, tuple[object, ...]] = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        for info in archive.infolist():
            start = info.header_offset
            name_length, extra_length = struct.unpack_from("<2H", data, start + 26)
            start += 30 + name_length + extra_length
            extra = b"" if info.extra[:2] == b"\x01\0" else info.extra
            found[info.filename] = (
                info.date_time, info.external_attr, info.internal_attr, info.create_system, info.compress_type,
                info.comment, extra, info.CRC, data[start : start + info.compress_size],
            )  # fmt: skip
    return found


class TestRebuilding:
    def test_untouched_members_are_copied_as_they_are(self) -> None:
        data = odd_archive()
        new = sheet_xml(ROWS.replace("343", "257.33")).encode()
        rebuilt = Package.open(data).rebuilt({SHEET: new}, added=[("xl/worksheets/sheet2.xml", b"<worksheet/>")])
        before, after = members(data), members(rebuilt)
        assert list(after) == [*before, "xl/worksheets/sheet2.xml"]
        for name, member in before.items():
            if name != SHEET:
                assert after[name] == member, name
        with zipfile.ZipFile(io.BytesIO(rebuilt)) as archive:
            assert archive.read(SHEET) == new
            assert archive.getinfo(SHEET).date_time == (1980, 1, 1, 0, 0, 0)
            assert archive.comment == "备注".encode()
            assert not any(info.flag_bits & 0x8 for info in archive.infolist())  # sizes stand in the headers

    def test_same_input_gives_same_bytes(self) -> None:
        data = odd_archive()
        new = {SHEET: sheet_xml("").encode()}
        first = Package.open(data).rebuilt(new)
        assert Package.open(data).rebuilt(new) == first
        assert Package.open(first).rebuilt(new) == first  # and once more leaves all as it is

    def test_equal_content_is_no_change(self) -> None:
        data = odd_archive()
        package = Package.open(data)
        assert members(package.rebuilt({SHEET: package.read(SHEET)}))[SHEET] == members(data)[SHEET]

    def test_removed_members_are_gone(self) -> None:
        package = Package.open(zipped({**parts(sheet_xml(ROWS)), "xl/calcChain.xml": "<calcChain/>"}))
        assert "xl/calcChain.xml" not in Package.open(package.rebuilt({}, removed={"xl/calcChain.xml"}))

    def test_mistakes_of_the_caller_are_not_silent(self) -> None:
        package = Package.open(book(ROWS))
        with pytest.raises(KeyError):
            package.rebuilt({"xl/nothing.xml": b""})
        with pytest.raises(ValueError, match="already"):
            package.rebuilt({}, added=[(SHEET, b"")])

    def test_other_readers_open_it(self, tmp_path: Path) -> None:
        source = openpyxl.Workbook()
        source.active.append(["一级指标", 12, "=B1*2"])
        target = io.BytesIO()
        source.save(target)
        package = Package.open(target.getvalue())
        part = package.sheets[0].part
        rebuilt = package.rebuilt({part: package.read(part).replace(b"<v>12</v>", b"<v>20</v>")})
        assert openpyxl.load_workbook(io.BytesIO(rebuilt)).active["B1"].value == 20

    @requires_office
    def test_libreoffice_opens_it(self, tmp_path: Path) -> None:
        path = tmp_path / "重写.xlsx"
        path.write_bytes(Package.open(odd_archive()).rebuilt({SHEET: sheet_xml(ROWS.replace("343", "20")).encode()}))
        again = open_book(convert(path, "xlsx", tmp_path / "lo").read_bytes())
        assert again.sheets[0].at(1, 2).text == "20"


class TestParts:
    @pytest.mark.parametrize(
        ("target", "member"),
        [
            ("worksheets/sheet1.xml", SHEET),
            ("/xl/worksheets/sheet1.xml", SHEET),
            ("./worksheets/../worksheets/sheet1.xml", SHEET),
            ("worksheets\\sheet1.xml", SHEET),
            ("worksheets/Sheet1.XML", SHEET),
            ("worksheets/sheet1.xml#A1", SHEET),
            ("../../../xl/worksheets/sheet1.xml", SHEET),
            ("worksheets/%E8%AF%84%E5%88%86%20%E8%A1%A8.xml", "xl/worksheets/评分 表.xml"),
            ("worksheets/评分表.xml", "xl/worksheets/评分表.xml"),
            ("worksheets/a%20b.xml", "xl/worksheets/a%20b.xml"),
        ],
    )
    def test_a_sheet_is_found_however_it_is_named(self, target: str, member: str) -> None:
        found = parts(sheet_xml(ROWS))
        found[member] = found.pop(SHEET)
        relations = found["xl/_rels/workbook.xml.rels"]
        assert isinstance(relations, str)
        found["xl/_rels/workbook.xml.rels"] = relations.replace("worksheets/sheet1.xml", target)
        package = Package.open(zipped(found))
        assert [sheet.part for sheet in package.sheets] == [member]
        assert open_book(zipped(found)).sheets[0].at(1, 2).text == "343"

    def test_members_with_backslashes_and_leading_slash_are_found(self) -> None:
        found = parts(sheet_xml(ROWS))
        found["/xl/workbook.xml"] = found.pop("xl/workbook.xml")
        found["xl\\worksheets\\sheet1.xml"] = found.pop(SHEET)
        assert read_all(zipped(found)) == 3

    def test_relationships_of_a_part(self) -> None:
        found = parts(sheet_xml(ROWS))
        found["xl/worksheets/_rels/sheet1.xml.rels"] = (
            '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
            '<Relationship Id="a" Type="http://x/drawing" Target="../drawings/drawing1.xml"/>'
            '<Relationship Id="b" Type="http://x/hyperlink" Target="../佐证/1.pdf" TargetMode="External"/>'
            "</Relationships>"
        )
        package = Package.open(zipped(found))
        first, second = package.relationships(SHEET)
        assert (first.kind, first.target, first.external) == ("drawing", "xl/drawings/drawing1.xml", False)
        assert (second.kind, second.target, second.external) == ("hyperlink", "../佐证/1.pdf", True)
        assert package.relationships("xl/styles.xml") == ()

    def test_content_types(self) -> None:
        package = Package.open(book(ROWS))
        assert package.content_type("XL/Workbook.xml") == package.content_type("xl/workbook.xml")
        assert (package.content_type("customXml/item1.xml"), package.content_type("a.png")) == ("application/xml", None)

    @pytest.mark.parametrize("namespace", [MAIN, STRICT])
    def test_workbook_facts(self, namespace: str) -> None:
        found = parts(sheet_xml(ROWS, namespace=namespace), strings="", styles="", namespace=namespace, date1904=True)
        workbook = found["xl/workbook.xml"]
        assert isinstance(workbook, str)
        found["xl/workbook.xml"] = workbook.replace(
            "</sheets>", '<sheet name="&lt;隐&gt;" sheetId="7" state="veryHidden" r:id="rId1"/></sheets>'
        )
        package = Package.open(zipped(found))
        assert package.date1904
        assert not package.macro_enabled
        assert (package.styles_part, package.shared_strings_part) == ("xl/styles.xml", "xl/sharedStrings.xml")
        assert [(s.name, s.state, s.sheet_id, s.kind) for s in package.sheets] == [
            ("评分表", "visible", 1, "worksheet"),
            ("<隐>", "veryHidden", 7, "worksheet"),
        ]

    def test_macros_are_known(self) -> None:
        found = parts(sheet_xml(ROWS))
        types = found["[Content_Types].xml"]
        assert isinstance(types, str)
        plain = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
        found["[Content_Types].xml"] = types.replace(plain, "application/vnd.ms-excel.sheet.macroEnabled.main+xml")
        assert Package.open(zipped(found)).macro_enabled

    @pytest.mark.parametrize("missing", ["_rels/.rels", "[Content_Types].xml"])
    def test_the_workbook_is_found_without(self, missing: str) -> None:
        found = parts(sheet_xml(ROWS))
        del found[missing]
        assert read_all(zipped(found)) == 3


HOSTILE = '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'


class TestXml:
    @pytest.mark.parametrize(
        "data",
        [
            HOSTILE.encode(),
            b"\xef\xbb\xbf" + HOSTILE.encode(),
            HOSTILE.encode("utf-16"),
            HOSTILE.encode("utf-16-le"),
            HOSTILE.encode("utf-16-be"),
            f'<?xml version="1.0" encoding="UTF-16"?>{HOSTILE}'.encode("utf-16"),
            f'<?xml version="1.0" encoding="utf-16"?>{HOSTILE}'.encode(),
            f"<?xml version='1.0' encoding='GBK'?>{HOSTILE}".encode("gbk"),
        ],
    )
    def test_a_document_type_is_refused_in_every_encoding(self, data: bytes) -> None:
        assert refusal(lambda: parse_xml(data)) == "TPL007"

    @pytest.mark.parametrize(
        "data",
        [
            f'<?xml version="1.0" encoding="UTF-7"?>{HOSTILE}'.encode().replace(b"<!", b"+ADwAIQ-"),
            HOSTILE.encode("utf-32"),
            HOSTILE.encode("utf-32-be"),
            HOSTILE.encode("cp037"),
            f'<?xml version="1.0" encoding="IBM037"?>{HOSTILE}'.encode("cp037"),
            b"",
            b"<a>",
            b"text",
            b"\xff\xfe<",
            b'<?xml version="1.0" encoding="utf-16"',
            b"<a>&nbsp;</a>",
            b"<a>\xff\xfe</a>",
        ],
    )
    def test_what_could_hide_one_or_is_broken_is_refused(self, data: bytes) -> None:
        assert refusal(lambda: parse_xml(data, "xl/workbook.xml")) == "TPL012"

    @pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
    def test_encodings_programs_use(self, codec: str) -> None:
        declared = codec.removesuffix("-sig")
        data = f'<?xml version="1.0" encoding="{declared}"?><a>评分</a>'.encode(codec)
        assert parse_xml(data).text == "评分"

    def test_a_string_declared_as_utf16_by_dotnet(self) -> None:
        assert parse_xml('<?xml version="1.0" encoding="utf-16"?><a>评分</a>'.encode()).text == "评分"

    def test_entities_in_a_sheet_are_refused(self) -> None:
        bomb = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "lol"}">' for n in range(12))
        found = parts(f"<!DOCTYPE worksheet [{bomb}]>" + sheet_xml('<row><c t="str"><v>&e11;</v></c></row>'))
        assert refusal(lambda: read_all(zipped(found))) == "TPL007"


def with_flag(data: bytes, flag: int) -> bytes:
    """The zip file with a flag set in the directory entry of its first member."""
    at = data.index(b"PK\x01\x02") + 8
    return data[:at] + struct.pack("<H", struct.unpack_from("<H", data, at)[0] | flag) + data[at + 2 :]


def doubled() -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return zipped([*parts(sheet_xml(ROWS)).items(), (SHEET, sheet_xml(""))])


def overlapping() -> bytes:
    """Many directory entries for the data of one member: small in the file, endless when read."""
    data = zipped({"a0000.xml": b"<Types/>" * 4000})
    start, end = data.index(b"PK\x01\x02"), data.rindex(b"PK\x05\x06")
    entries = [data[start:end].replace(b"a0000", b"a%04d" % number) for number in range(300)]
    directory = b"".join(entries)
    closing = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 300, 300, len(directory), start, 0)
    return data[:start] + directory + closing


def without(name: str) -> bytes:
    found = parts(sheet_xml(ROWS))
    del found[name]
    return zipped(found)


class TestRefusals:
    @pytest.mark.parametrize(
        ("data", "expected"),
        [
            (b"", "TPL001"),
            (book(ROWS)[:-40], "TPL003"),
            (book(ROWS)[:400], "TPL003"),
            (b"PK\x05\x06" + bytes(18), "TPL002"),
            (zipped({"a.txt": "a"}), "TPL002"),
            (zipped({"word/document.xml": "<w/>", "[Content_Types].xml": "<Types/>"}), "TPL002"),
            (without("xl/workbook.xml"), "TPL008"),
            (without(SHEET), "TPL008"),
            (doubled(), "TPL010"),
            (zipped({**parts(sheet_xml(ROWS)), "XL/Workbook.xml": "<workbook/>"}), "TPL010"),
            (with_flag(book(ROWS), 1), "TPL011"),
            (overlapping(), "TPL003"),
            (zipped({**parts(sheet_xml(ROWS)), "xl/workbook.xml": "<workbook"}), "TPL012"),
            (zipped({**parts(sheet_xml(ROWS)), SHEET: sheet_xml(ROWS)[:-8]}), "TPL012"),
            (book('<row r="1"><c r="A1" t="s"><v>5</v></c></row>', strings="<si><t>a</t></si>"), "TPL012"),
            (book('<row r="1"><c r="A1" t="s"><v>-1</v></c></row>', strings="<si><t>a</t></si>"), "TPL012"),
            (book('<row r="1"><c r="A1" t="s"><v>0</v></c></row>'), "TPL008"),
            (book('<row r="1"><c r="A1048577"><v>1</v></c></row>'), "TPL012"),
            (book('<row r="0"><c><v>1</v></c></row>'), "TPL012"),
            (zipped({f"{n}.xml": "" for n in range(guard.LIMITS.members + 1)}), "TPL009"),
        ],
    )
    def test_each_has_its_code(self, data: bytes, expected: str) -> None:
        assert refusal(lambda: read_all(data)) == expected

    def test_a_member_that_says_less_than_it_holds(self) -> None:
        """A bomb that lies about its size is never inflated beyond what it said."""
        data = zipped({**parts(sheet_xml(ROWS)), SHEET: sheet_xml(" " * 50_000_000)})
        entry = data.rindex(b"PK\x01\x02", 0, data.rindex(SHEET.encode()))
        lying = data[: entry + 24] + struct.pack("<L", 1000) + data[entry + 28 :]
        assert refusal(lambda: read_all(lying)) == "TPL003"

    def test_a_bomb_is_refused_before_it_is_inflated(self) -> None:
        bomb = zipped({**parts(sheet_xml(ROWS)), SHEET: bytes(64 << 20)})
        assert len(bomb) < 100_000
        assert refusal(lambda: Archive(bomb)) == "TPL006"

    def test_limits_are_limits(self, monkeypatch: pytest.MonkeyPatch) -> None:
        data = book(ROWS)
        for name, value, expected in (
            ("file_size", 100, "TPL006"),
            ("total_size", 1000, "TPL006"),
            ("part_size", 100, "TPL006"),
            ("tree_size", 100, "TPL006"),
            ("members", 3, "TPL009"),
            ("cells", 1, "TPL014"),
        ):
            limits = guard.Limits(**{name: value})
            with monkeypatch.context() as patch:
                for module in ("archive", "guard", "cells", "grid"):
                    patch.setattr(f"perfeval.workbook.{module}.LIMITS", limits)
                from perfeval.workbook import package

                package._content_types.cache_clear()
                assert refusal(lambda: read_all(data)) == expected, name

    def test_names_cannot_lead_outside(self) -> None:
        found = parts(sheet_xml(ROWS))
        odd = {**found, "../../etc/passwd": "x", "/etc/shadow": "y", "C:\\a.xml": "z", "xl/../xl/a.xml": "w"}
        package = Package.open(zipped(odd))
        assert package.read("../../etc/passwd") == b"x"
        assert [sheet.part for sheet in package.sheets] == [SHEET]
        assert Package.open(package.rebuilt({})).names == package.names

    def test_every_code_raised_here_is_in_the_catalogue(self) -> None:
        for number in range(1, 16):
            assert code(f"TPL{number:03d}").fix


def _workbooks() -> list[bytes]:
    source = openpyxl.Workbook()
    source.active.append(["一级指标", 12, "=B1*2", 0.985, True])
    source.active.merge_cells("A2:C3")
    target = io.BytesIO()
    source.save(target)
    old = xlwt.Workbook()
    sheet = old.add_sheet("评分表")
    for row in range(30):
        sheet.write(row, 0, f"指标{row}" * 20)
        sheet.write(row, 1, row / 7)
    sheet.write_merge(40, 41, 0, 3, "合计")
    binary = io.BytesIO()
    old.save(binary)
    text = '<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"'
    text += ' xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"'
    text += ' xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:spreadsheet>'
    text += '<table:table table:name="a"><table:table-row table:number-rows-repeated="3"><table:table-cell '
    text += 'office:value-type="percentage" office:value="0.5"><text:p>50%</text:p></table:table-cell>'
    text += "</table:table-row></table:table></office:spreadsheet></office:body></office:document-content>"
    ods = zipped({"mimetype": "application/vnd.oasis.opendocument.spreadsheet", "content.xml": text})
    stored = io.BytesIO()
    with zipfile.ZipFile(stored, "w") as archive:  # nothing packed: damage reaches the XML itself
        for name, content in parts(
            sheet_xml(ROWS), strings="<si><t>a</t></si>", styles="<cellXfs><xf/></cellXfs>"
        ).items():
            archive.writestr(name, content)
    return [target.getvalue(), binary.getvalue(), ods, stored.getvalue(), xlsb(), odd_archive()]


WORKBOOKS = _workbooks()


def mended(data: bytes) -> bytes:
    """The damaged archive with its checksums made right, so that the damage reaches the parsers."""
    archive = bytearray(data)
    at = archive.find(b"PK\x01\x02")
    while at >= 0 and at + 46 <= len(archive):
        size, offset = struct.unpack_from("<L", archive, at + 20)[0], struct.unpack_from("<L", archive, at + 42)[0]
        if offset + 30 <= len(archive):
            start = offset + 30 + sum(struct.unpack_from("<2H", archive, offset + 26))
            struct.pack_into("<L", archive, at + 16, zlib.crc32(bytes(archive[start : start + size])))
        at = archive.find(b"PK\x01\x02", at + 1)
    return bytes(archive)


class TestDamage:
    @settings(max_examples=300, deadline=2000)
    @given(
        st.sampled_from(WORKBOOKS),
        st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), max_size=12),
        st.integers(0, 1 << 20) | st.none(),
        st.booleans(),
    )
    def test_only_refusals(self, data: bytes, flips: list[tuple[int, int]], cut: int | None, repair: bool) -> None:
        broken = bytearray(data if cut is None else data[: cut % (len(data) + 1)])
        for position, value in flips:
            if broken:
                broken[position % len(broken)] = value
        hurt = mended(bytes(broken)) if repair and broken[:2] == b"PK" else bytes(broken)
        try:
            found = open_book(hurt)
            for sheet in found.sheets:
                assert sheet.last_row >= 0
                assert len(sheet.merges) >= 0
            if found.package is not None:
                found.package.rebuilt({})
        except BadWorkbook as refused:
            assert "{" not in refused.finding().message

    @settings(max_examples=100, deadline=2000)
    @given(
        st.sampled_from([b"", *magic.ZIP_MAGICS, magic.OLE_MAGIC, magic.BIFF8_MAGIC]),
        st.binary(max_size=2000),
    )
    def test_noise_is_refused(self, beginning: bytes, noise: bytes) -> None:
        assert refusal(lambda: read_all(beginning + noise)).startswith("TPL0")
