"""Taking cell formats out of one style sheet and appending them to another, entry by entry.

"Equal" means: shows the same. The order of a font's properties, spelled-out defaults and flags make no difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from lxml import etree

from perfeval.record import record
from perfeval.workbook.colours import Palette
from perfeval.workbook.package import parse_xml
from perfeval.workbook.sheetxml import MAIN

__all__ = ["BLANK", "Entries", "Look", "Source", "Target"]

# The children of a style sheet in the schema's order.
_ORDER = (
    "numFmts", "fonts", "fills", "borders", "cellStyleXfs", "cellXfs", "cellStyles", "dxfs", "tableStyles", "colors",
    "extLst",
)  # fmt: skip
_FIRST_CUSTOM_FORMAT = 164  # numbers below belong to Excel
BLANK = (
    f'<styleSheet xmlns="{MAIN}"><fonts count="1"><font><sz val="11"/><name val="宋体"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill>'
    '</fills><borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    '<cellXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/></cellXfs></styleSheet>'
).encode()
_ON = {"1", "true", "on"}
_SPELLED = {"true": "1", "on": "1", "false": "0", "off": "0"}
_SWITCHES = {"b", "i", "strike", "outline", "shadow", "condense", "extend"}  # <b/> says the same as <b val="1"/>
_DEFAULTS = {("horizontal", "general"), ("vertical", "bottom"), ("style", "none")}

_GROUPS = ("NumberFormat", "Font", "Fill", "Border", "Alignment", "Protection")

# What an element shows, comparable: name, attributes, children.
_Shape = tuple[str, tuple[tuple[str, str], ...], tuple["_Shape", ...]]


class Look(NamedTuple):
    """A cell format of the form that looks or behaves a little different in one cell."""

    xf: int  # cell format of the form
    argb: str | None = None  # solid fill instead of its own
    unlocked: bool = False  # may be typed into although the format is locked
    quoted: bool = False  # its text stays a text, also when somebody types Enter in the cell


def _local(element: etree._Element) -> str:
    return element.tag.rpartition("}")[2]


def _attributes(element: etree._Element) -> dict[str, str]:
    return dict(element.attrib)  # type: ignore[arg-type]  # attributes of a tree that was parsed are text


def _int(text: str | None) -> int:
    return int(text) if text and len(text) < 10 and text.isascii() and text.isdecimal() else 0


def _shape(element: etree._Element) -> _Shape:
    name = _local(element)
    attributes = []
    for key, value in _attributes(element).items():
        plain = _SPELLED.get(value, value)
        if "}" in key or (key, plain) in _DEFAULTS or (plain == "1" and name in _SWITCHES):
            continue
        if plain == "0" and name == "alignment":
            continue
        attributes.append((key, plain.upper() if key == "rgb" else plain))
    # A scheme only says where a font's name came from; an extension is not looked at.
    children = [_shape(child) for child in element if _local(child) not in ("scheme", "extLst")]
    if name == "font":
        children.sort()
    elif name == "border":
        children = [child for child in children if child[1] or child[2]]
    return name, tuple(sorted(attributes)), tuple(children)


class _Sheet:
    """A parsed style sheet with its formats taken apart."""

    def __init__(self, root: etree._Element) -> None:
        self.root = root
        self.namespace = root.tag[: root.tag.rfind("}") + 1]
        self.number_formats = {
            _int(entry.get("numFmtId")): entry.get("formatCode", "") for entry in self.items("numFmts")
        }

    def items(self, name: str) -> list[etree._Element]:
        parent = self.root.find(self.namespace + name)
        return [] if parent is None else list(parent)


class Source(_Sheet):
    """The style sheet formats are taken from."""

    def __init__(self, root: etree._Element, colours: Palette | None) -> None:
        super().__init__(root)
        self._lists = {name: self.items(name) for name in ("fonts", "fills", "borders", "cellXfs", "dxfs")}
        self._colours = colours
        self._xfs: dict[int, etree._Element] = {}
        self._entries: dict[tuple[str, int], tuple[etree._Element, _Shape]] = {}

    def xf(self, number: int) -> etree._Element:
        """A cell format, not to be changed."""
        known = self._xfs.get(number)
        if known is None:
            known = self._xfs[number] = self._copy(self._lists["cellXfs"][number])
        return known

    def entry(self, name: str, number: int) -> tuple[etree._Element, _Shape]:
        """An entry with colours that do not depend on this workbook, not to be changed, and what it shows."""
        known = self._entries.get((name, number))
        if known is None:
            element = self._copy(self._lists[name][number])
            known = self._entries[name, number] = element, _shape(element)
        return known

    def _copy(self, element: etree._Element, parent: etree._Element | None = None) -> etree._Element:
        name = _local(element)
        copy = etree.Element(name) if parent is None else etree.SubElement(parent, name)
        for key, value in _attributes(element).items():
            if "}" not in key:
                copy.set(key, value)
        if self._colours is not None and (copy.get("theme") or copy.get("indexed")):
            self._colours.settle(copy)
        copy.text = element.text
        for child in element:
            if _local(child) not in ("scheme", "extLst"):
                self._copy(child, copy)
        return copy


@record(slots=True)
class Entries:
    """What the entries of a style sheet show, by the list they stand in; a list is looked through when it is needed."""

    known: dict[str, dict[_Shape, int]]  # what an entry shows → the first entry that shows it
    firsts: dict[str, list[int]]  # entry → the first entry that shows the same
    formats: dict[object, int] | None  # cell formats likewise

    def copy(self) -> Entries:
        known = {name: shapes.copy() for name, shapes in self.known.items()}
        firsts = {name: numbers.copy() for name, numbers in self.firsts.items()}
        return Entries(known, firsts, None if self.formats is None else self.formats.copy())


class Target(_Sheet):
    """The style sheet formats are appended to."""

    def __init__(self, root: etree._Element, entries: Entries | None = None) -> None:
        super().__init__(root)
        self.entries = Entries({}, {}, None) if entries is None else entries.copy()
        self._changed = False
        self._complete()
        self._codes = {code: number for number, code in reversed(self.number_formats.items())}
        self._grown: dict[str, tuple[etree._Element, int]] = {}  # list something was appended to, entries in it

    def data(self, before: bytes) -> bytes:
        """The style sheet as it is now."""
        if not self._changed:
            return before
        for parent, size in self._grown.values():
            parent.set("count", str(size))
        return etree.tostring(self.root, xml_declaration=True, encoding="UTF-8", standalone=True)

    def xf(self, source: Source, look: Look) -> int:
        """The number here of a cell format of `source`, appended when no format here shows the same."""
        element = source.xf(look.xf)
        wanted = {key: value for key, value in _attributes(element).items() if not key.startswith("apply")}
        fill = source.entry("fills", _int(wanted.get("fillId"))) if look.argb is None else _solid(look.argb)
        if look.quoted:
            wanted["quotePrefix"] = "1"
        wanted["numFmtId"] = str(self._number_format(source, _int(wanted.get("numFmtId"))))
        wanted["fontId"] = str(self._entry("fonts", source.entry("fonts", _int(wanted.get("fontId")))))
        wanted["fillId"] = str(self._entry("fills", fill))
        wanted["borderId"] = str(self._entry("borders", source.entry("borders", _int(wanted.get("borderId")))))
        wanted["xfId"] = "0"  # the named styles are those of this workbook; the format is none of them
        key = self._xf_key(wanted, element, unlocked=look.unlocked)
        known = self._cell_formats()
        if key not in known:
            wanted.update({f"apply{group}": "1" for group in _GROUPS})
            made, known[key] = self._new("cellXfs", "xf", wanted)
            for child in element:
                _add(made, child, self.namespace)
            if look.unlocked:
                self._unlock(made)
        return known[key]

    def dxf(self, source: Source, number: int) -> int:
        """The number here of a differential format of `source`."""
        return self._entry("dxfs", source.entry("dxfs", number))

    def _complete(self) -> None:
        """Give a meagre style sheet what its entries count on: a default of everything."""
        blank = parse_xml(BLANK)
        for default in blank:
            name = _local(default)
            if not self.items(name):
                parent = self._list(name)
                for entry in default:
                    _add(parent, entry, self.namespace)
                parent.set("count", str(len(parent)))

    def _cell_formats(self) -> dict[object, int]:
        if self.entries.formats is None:
            xfs = self.items("cellXfs")
            self.entries.formats = {
                self._xf_key(_attributes(xf), xf): number for number, xf in reversed(list(enumerate(xfs)))
            }
        return self.entries.formats

    def _xf_key(
        self, attributes: Mapping[str, str], children: Iterable[etree._Element], *, unlocked: bool = False
    ) -> object:
        """What a cell format shows, in the numbers of this style sheet.

        A format that switches one of its own properties off is never taken for one that does not.
        """
        alignment: object = ()
        locked, hidden = True, False
        for child in children:
            name = _local(child)
            if name == "alignment":
                alignment = _shape(child)[1]
            elif name == "protection":
                locked, hidden = child.get("locked", "1") in _ON, child.get("hidden", "0") in _ON
        off = [key for key, value in attributes.items() if value not in _ON and key.startswith("apply")]
        number = _int(attributes.get("numFmtId"))
        return (
            self.number_formats.get(number, number),
            self._first("fonts", _int(attributes.get("fontId"))),
            self._first("fills", _int(attributes.get("fillId"))),
            self._first("borders", _int(attributes.get("borderId"))),
            alignment,
            locked and not unlocked,
            hidden,
            attributes.get("quotePrefix", "0") in _ON,
            tuple(sorted(off)) if off else (),
        )

    def _first(self, name: str, number: int) -> int:
        self._shapes(name)
        firsts = self.entries.firsts[name]
        return firsts[number] if number < len(firsts) else number

    def _shapes(self, name: str) -> dict[_Shape, int]:
        known = self.entries.known.get(name)
        if known is None:
            known = self.entries.known[name] = {}
            self.entries.firsts[name] = [
                known.setdefault(_shape(item), number) for number, item in enumerate(self.items(name))
            ]
        return known

    def _entry(self, name: str, entry: tuple[etree._Element, _Shape]) -> int:
        known = self._shapes(name)
        element, shape = entry
        if shape not in known:
            known[shape] = self._append(name, element)
            self.entries.firsts[name].append(known[shape])
        return known[shape]

    def _number_format(self, source: Source, number: int) -> int:
        code = source.number_formats.get(number)
        if code is None:
            return number  # one of Excel's own
        if code not in self._codes:
            new = max((_FIRST_CUSTOM_FORMAT - 1, *self.number_formats)) + 1
            self._new("numFmts", "numFmt", {"numFmtId": str(new), "formatCode": code})
            self.number_formats[new] = code
            self._codes[code] = new
        return self._codes[code]

    def _append(self, name: str, element: etree._Element) -> int:
        made, number = self._new(name, _local(element), _attributes(element))
        made.text = element.text
        for child in element:
            _add(made, child, self.namespace)
        return number

    def _new(self, name: str, tag: str, attributes: dict[str, str]) -> tuple[etree._Element, int]:
        """A new entry at the end of the list called `name`, and its number."""
        parent, size = self._grown.get(name) or ((found := self._list(name)), len(found))
        self._grown[name] = parent, size + 1
        self._changed = True
        return etree.SubElement(parent, self.namespace + tag, attributes), size

    def _unlock(self, xf: etree._Element) -> None:
        protection = xf.find(f"{self.namespace}protection")
        if protection is None:
            protection = etree.SubElement(xf, f"{self.namespace}protection")
        protection.set("locked", "0")

    def _list(self, name: str) -> etree._Element:
        """The list called `name`, made at its place when there is none."""
        parent = self.root.find(self.namespace + name)
        if parent is None:
            parent = etree.Element(self.namespace + name)
            later = {self.namespace + following for following in _ORDER[_ORDER.index(name) + 1 :]}
            at = next((at for at, child in enumerate(self.root) if child.tag in later), len(self.root))
            self.root.insert(at, parent)
        return parent


@lru_cache(maxsize=16)
def _solid(argb: str) -> tuple[etree._Element, _Shape]:
    fill = etree.Element("fill")
    pattern = etree.SubElement(fill, "patternFill")
    pattern.set("patternType", "solid")
    etree.SubElement(pattern, "fgColor").set("rgb", argb)
    etree.SubElement(pattern, "bgColor").set("indexed", "64")
    return fill, _shape(fill)


def _add(parent: etree._Element, element: etree._Element, namespace: str) -> None:
    """Add a copy of `element` whose elements are in the namespace of the style sheet it goes to."""
    copy = etree.SubElement(parent, namespace + _local(element), _attributes(element))
    copy.text = element.text
    for child in element:
        _add(copy, child, namespace)
