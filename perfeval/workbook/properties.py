"""Custom document properties (`docProps/custom.xml`): ours beside those an office or a system keeps there."""

from __future__ import annotations

from collections.abc import Mapping

from lxml import etree

from perfeval.patterns import lazy_pattern
from perfeval.workbook.guard import parse_xml
from perfeval.workbook.package import Package
from perfeval.workbook.sheetxml import attribute, storable, text

__all__ = ["custom_properties", "new_properties", "with_properties"]

_PROPERTIES = "http://schemas.openxmlformats.org/officeDocument/2006/custom-properties"
_VALUES = "http://schemas.openxmlformats.org/officeDocument/2006/docPropsVTypes"
_FORMAT = "{D5CDD505-2E9C-101B-9397-08002B2CF9AE}"  # the one set of properties users may add to
_FIRST_ID = 2  # 0 and 1 are reserved
_HEAD = (
    "<?xml version='1.0' encoding='UTF-8' standalone='yes'?>\n"
    f'<Properties xmlns="{_PROPERTIES}" xmlns:vt="{_VALUES}">'
)
_ESCAPE = lazy_pattern(r"_x([0-9A-Fa-f]{4})_")


def custom_properties(package: Package) -> dict[str, str]:
    """The custom properties of a workbook as text, by name."""
    relation = next((r for r in package.relationships("") if r.kind == "custom-properties"), None)
    if relation is None or relation.target not in package:
        return {}
    found = {}
    for entry in parse_xml(package.read(relation.target), relation.target):
        value = "".join(str(part) for part in entry.itertext())
        found[entry.get("name", "")] = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), value)
    return found


def new_properties(values: Mapping[str, str | None]) -> bytes:
    """A part with those of `values` that are not None."""
    entries = [
        f'<property fmtid="{_FORMAT}" pid="{number}" name="{attribute(name)}">'
        f"<vt:lpwstr>{text(value)}</vt:lpwstr></property>"
        for number, (name, value) in enumerate(((n, v) for n, v in values.items() if v is not None), _FIRST_ID)
    ]
    return f"{_HEAD}{''.join(entries)}</Properties>".encode()


def with_properties(data: bytes, values: Mapping[str, str | None]) -> bytes:
    """The part with `values` set (None: removed); other properties keep their ids and types.

    The same bytes when it says so already.
    """
    root = parse_xml(data, "docProps/custom.xml")
    known = {entry.get("name"): entry for entry in root}
    changed = False
    following = max((int(number) for entry in root if (number := entry.get("pid", "")).isdecimal()), default=1) + 1
    for name, value in values.items():
        entry = known.get(name)
        if value is None:
            if entry is not None:
                root.remove(entry)
                changed = True
            continue
        written = storable(value)
        if entry is None:
            entry = etree.SubElement(root, f"{{{_PROPERTIES}}}property")
            entry.set("fmtid", _FORMAT)
            entry.set("pid", str(max(_FIRST_ID, following)))
            entry.set("name", name)
            following += 1
        elif len(entry) == 1 and entry[0].tag == f"{{{_VALUES}}}lpwstr" and entry[0].text == written:
            continue
        for child in list(entry):
            entry.remove(child)
        etree.SubElement(entry, f"{{{_VALUES}}}lpwstr", nsmap={"vt": _VALUES}).text = written
        changed = True
    if not changed:
        return data
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)
