"""OOXML packages written part by part, so that a test says exactly what stands in the file."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterable, Mapping

__all__ = ["MAIN", "STRICT", "book", "parts", "sheet_xml", "xlsb", "zipped"]

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
STRICT = "http://purl.oclc.org/ooxml/spreadsheetml/main"
_RELATIONS = {
    MAIN: "http://schemas.openxmlformats.org/officeDocument/2006/relationships",
    STRICT: "http://purl.oclc.org/ooxml/officeDocument/relationships",
}
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"


def zipped(members: Mapping[str, bytes | str] | Iterable[tuple[str, bytes | str]]) -> bytes:
    """A zip file of these members."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items() if isinstance(members, Mapping) else members:
            archive.writestr(name, content)
    return target.getvalue()


def sheet_xml(rows: str, *, before: str = "", after: str = "", namespace: str = MAIN) -> str:
    """A worksheet part with these rows."""
    return f'<worksheet xmlns="{namespace}">{before}<sheetData>{rows}</sheetData>{after}</worksheet>'


def parts(
    sheet: str,
    *,
    strings: str | None = None,
    styles: str | None = None,
    namespace: str = MAIN,
    date1904: bool = False,
) -> dict[str, bytes | str]:
    """The parts of a workbook with one sheet; `strings` and `styles` are the content of their root elements."""
    relations = _RELATIONS[namespace]
    related = [("worksheet", "worksheets/sheet1.xml")]
    overrides = [
        ("/xl/workbook.xml", f"{_TYPE}.sheet.main+xml"),
        ("/xl/worksheets/sheet1.xml", f"{_TYPE}.worksheet+xml"),
    ]
    found: dict[str, bytes | str] = {
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
        f'Type="{relations}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{namespace}" xmlns:r="{relations}">'
        f'<workbookPr date1904="{int(date1904)}"/><sheets><sheet name="评分表" sheetId="1" r:id="rId1"/></sheets>'
        "</workbook>",
        "xl/worksheets/sheet1.xml": sheet,
    }
    for name, root, content in (("sharedStrings", "sst", strings), ("styles", "styleSheet", styles)):
        if content is not None:
            found[f"xl/{name}.xml"] = f'<{root} xmlns="{namespace}">{content}</{root}>'
            related.append((name, f"{name}.xml"))
            overrides.append((f"/xl/{name}.xml", f"{_TYPE}.{name}+xml"))
    lines = (
        f'<Relationship Id="rId{number}" Type="{relations}/{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(related, 1)
    )
    found["xl/_rels/workbook.xml.rels"] = (
        f'<Relationships xmlns="{_PACKAGE}/relationships">{"".join(lines)}</Relationships>'
    )
    types = "".join(f'<Override PartName="{part}" ContentType="{kind}"/>' for part, kind in overrides)
    return {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="xml" '
        f'ContentType="application/xml"/><Default Extension="rels" '
        f'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>{types}</Types>',
        **found,
    }


def book(
    rows: str,
    *,
    strings: str | None = None,
    styles: str | None = None,
    before: str = "",
    after: str = "",
    namespace: str = MAIN,
    date1904: bool = False,
) -> bytes:
    """A workbook whose only sheet holds these rows."""
    sheet = sheet_xml(rows, before=before, after=after, namespace=namespace)
    return zipped(parts(sheet, strings=strings, styles=styles, namespace=namespace, date1904=date1904))


def _record(kind: int, payload: bytes = b"") -> bytes:
    head = bytes((kind,)) if kind < 128 else bytes((kind & 0x7F | 0x80, kind >> 7))
    length = len(payload)
    assert length < 1 << 14
    return head + (bytes((length,)) if length < 128 else bytes((length & 0x7F | 0x80, length >> 7))) + payload


def _wide(text: str) -> bytes:
    return struct.pack("<L", len(text)) + text.encode("utf-16-le")


def _cell(kind: int, column: int, style: int, payload: bytes) -> bytes:
    return _record(kind, struct.pack("<LL", column, style) + payload)


def xlsb() -> bytes:
    """A binary workbook [MS-XLSB] with one cell of every kind, a merge, a hidden row and a hidden column."""
    relations = _RELATIONS[MAIN]
    workbook = (
        _record(131)
        + _record(153, struct.pack("<LL", 0, 0) + _wide(""))
        + _record(143)
        + _record(156, struct.pack("<LL", 0, 1) + _wide("rId1") + _wide("评分表"))
        + _record(144)
        + _record(132)
    )
    xf = struct.Struct("<HHHHHBBBBBB")
    styles = (
        _record(278)
        + _record(615, struct.pack("<L", 1))
        + _record(44, struct.pack("<H", 170) + _wide('0.00"万元"'))
        + _record(616)
        + _record(626, struct.pack("<L", 1))
        + _record(47, xf.pack(0xFFFF, 14, 0, 0, 0, 0, 0, 0, 0, 0, 0))
        + _record(627)
        + _record(617, struct.pack("<L", 4))
        + b"".join(_record(47, xf.pack(0, number, 0, 0, 0, 0, 0, 0, 0, 0, 0)) for number in (0, 10, 14, 170))
        + _record(618)
        + _record(279)
    )
    strings = _record(159, struct.pack("<LL", 1, 1)) + _record(19, b"\0" + _wide("共用文字")) + _record(160)

    def row(number: int, flags: int = 0) -> bytes:
        return _record(0, struct.pack("<LLHBBBL", number, 0, 300, 0, flags, 0, 0))

    formula = struct.pack("<HLL", 0, 0, 0)
    sheet = (
        _record(129)
        + _record(148, struct.pack("<LLLL", 0, 3, 0, 4))
        + _record(390)
        + _record(60, struct.pack("<LLLLH", 5, 6, 2048, 0, 1))
        + _record(391)
        + _record(145)
        + row(0)
        + _cell(7, 0, 0, struct.pack("<L", 0))
        + _cell(5, 1, 1, struct.pack("<d", 0.985))
        + _cell(5, 2, 2, struct.pack("<d", 45657.0))
        + _cell(2, 3, 3, struct.pack("<L", 343 << 2 | 2))
        + _cell(1, 4, 1, b"")
        + row(1, 0x10)
        + _cell(6, 0, 0, _wide("单元格内文字"))
        + _cell(4, 1, 0, b"\x01")
        + _cell(3, 2, 0, b"\x17")
        + _cell(9, 3, 0, struct.pack("<d", 5.5) + formula)
        + _cell(8, 4, 0, _wide("达标") + formula)
        + _record(146)
        + _record(177, struct.pack("<L", 1))
        + _record(176, struct.pack("<LLLL", 2, 3, 0, 1))
        + _record(178)
        + _record(130)
    )
    kind = "application/vnd.ms-excel"
    overrides = (
        ("/xl/workbook.bin", f"{kind}.sheet.binary.macroEnabled.main"),
        ("/xl/worksheets/sheet1.bin", f"{kind}.worksheet"),
        ("/xl/styles.bin", f"{kind}.styles"),
        ("/xl/sharedStrings.bin", f"{kind}.sharedStrings"),
    )
    types = "".join(f'<Override PartName="{part}" ContentType="{name}"/>' for part, name in overrides)
    related = (("worksheet", "worksheets/sheet1.bin"), ("styles", "styles.bin"), ("sharedStrings", "sharedStrings.bin"))
    lines = (
        f'<Relationship Id="rId{number}" Type="{relations}/{name}" Target="{target}"/>'
        for number, (name, target) in enumerate(related, 1)
    )
    return zipped(
        {
            "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
            f'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>{types}</Types>',
            "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
            f'Type="{relations}/officeDocument" Target="xl/workbook.bin"/></Relationships>',
            "xl/workbook.bin": workbook,
            "xl/_rels/workbook.bin.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">{"".join(lines)}'
            "</Relationships>",
            "xl/worksheets/sheet1.bin": sheet,
            "xl/styles.bin": styles,
            "xl/sharedStrings.bin": strings,
        }
    )
