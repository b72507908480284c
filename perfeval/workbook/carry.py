"""What people put on our sheet besides cells: kept when the sheet is written anew, and moved with its rows.

Pictures, seals, charts, text boxes, comments, form buttons, sparklines, tables, rules and links of their own, the
background, the colour of the tab, the name a macro knows the sheet by. Most of it lives in parts of its own that the
sheet only points to: the pointer is kept as it is and the part stays byte for byte the same unless a row moved.
What describes how the old cells were shown (the view, hidden rows, criteria of a filter, page breaks) is not kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from functools import cache, lru_cache
from typing import cast

from lxml import etree

from perfeval.patterns import lazy_pattern
from perfeval.record import record
from perfeval.workbook.anchors import moved_controls, moved_drawing, moved_formulas, moved_refs, moved_vml
from perfeval.workbook.extent import Geometry, Resize, read_geometry
from perfeval.workbook.guard import BadWorkbook, parse_xml
from perfeval.workbook.headers import joined, printed_of
from perfeval.workbook.notes import Note, noted_cells, with_notes, without_notes
from perfeval.workbook.opc import (
    NewPart,
    free_name,
    relationships_part,
    target_between,
    with_relationship,
    without_relationships,
)
from perfeval.workbook.package import Package, Relationship, SheetRef
from perfeval.workbook.references import RowMap, shift_ranges
from perfeval.workbook.rules import NO_RULES, Placed, Rules, merged
from perfeval.workbook.sheetxml import MAIN, RELATIONSHIPS, attribute, worksheet
from perfeval.workbook.styles import StyleSheet

__all__ = ["Carried", "carry", "headers_on"]

# Elements that are kept as they stand; most are nothing but the id of a relationship.
_KEPT = {
    "customSheetViews", "customProperties", "smartTags", "drawing", "legacyDrawing", "legacyDrawingHF", "drawingHF",
    "picture", "oleObjects", "controls", "webPublishItems", "tableParts",
}  # fmt: skip
_CACHED_SIZE = 1 << 17  # sheets of one batch differ in their cells, seldom in the rest
_COMPATIBILITY = "http://schemas.openxmlformats.org/markup-compatibility/2006"
_IGNORABLE = f"{{{_COMPATIBILITY}}}Ignorable"
_REL_ID = f"{{{RELATIONSHIPS}}}id"
_CELLS = lazy_pattern(rb"<((?:[A-Za-z][\w.-]*:)?sheetData)(?:\s[^>]*)?(?:/>|>)")
_COMMENTS_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.comments+xml"
_VML_TYPE = "application/vnd.openxmlformats-officedocument.vmlDrawing"


@record(slots=True)
class Carried:
    """What is kept of a sheet, and what has to change in the package for it."""

    root: str  # start tag of the new worksheet, with the namespaces the kept elements need
    elements: dict[str, str]  # element name → XML
    rules: tuple[Placed, ...]  # those that are not ours
    code_name: str  # by which the sheet's macros know it
    tab_colour: str  # the element, "" when there is none
    headers: str = ""  # the `headerFooter` element without page numbers, "" when it prints nothing else
    replaced: dict[str, bytes] = field(default_factory=dict)  # parts that changed
    added: list[NewPart] = field(default_factory=list)
    removed: set[str] = field(default_factory=set)

    def worksheet(self, own: Mapping[str, str | bytes], rules: Iterable[Placed] = ()) -> bytes:
        """The new sheet part: `own` elements by name, our `rules` (see `Rules.expanded`), and what is kept.

        Where both have an element, ours stands; lists of rules are joined, ours first. `sheetPr` gets the tab
        colour and the code name; what the owner put at the top and the foot of the pages stays where ours has nothing.
        """
        elements: dict[str, str | bytes] = {**self.elements, **own, **merged(rules, self.rules)}
        if self.headers:
            elements["headerFooter"] = joined(_text(own.get("headerFooter", "")), self.headers)
        if self.code_name or self.tab_colour:
            elements["sheetPr"] = _sheet_properties(_text(own.get("sheetPr", "")), self.code_name, self.tab_colour)
        return worksheet(self.root, elements)


def carry(
    package: Package,
    sheet: SheetRef,
    row_map: RowMap,
    *,
    own: Rules = NO_RULES,
    notes: Sequence[Note] = (),
    geometry: Geometry | None = None,
    linked: bool = True,
) -> Carried:
    """Take from `sheet` what is not cells, for a new sheet in which row r stands at `row_map(r)`.

    `own` are the rules of the pack's form: equal ones in the sheet are ours of last time and are left out, for the
    writer puts them in anew. `notes` (with the addresses of the new sheet) replace the notes we left last time; a
    cell on which somebody else commented keeps that comment and gets none of ours. `geometry` is the new sheet's: with
    it, pictures and what else has a fixed size keep it, whatever the rows under them are now.

    With `linked=False` the new sheet is meant for another part: what lives in parts of its own – drawings, comments,
    notes, links outside – is left out, as the other part has no relationships.
    """
    rest = _without_cells(package.read(sheet.part))
    kept = _kept(rest, sheet.part)
    relations = {relation.id: relation for relation in package.relationships(sheet.part)} if linked else {}
    carried = Carried(
        root=kept.root,
        elements={},
        rules=kept.rules.without(own).moved(row_map, sheet.name, linked=linked),
        code_name=kept.code_name,
        tab_colour=kept.tab_colour,
        headers=kept.headers,
    )
    resize = None if geometry is None else Resize(_geometry(package, sheet.part), geometry)
    for name, element in kept.elements.items():
        if all(rel_id in relations for rel_id in element.rel_ids):
            xml = element.xml
            if name in ("controls", "oleObjects"):
                xml = moved_controls(xml, row_map, sheet.name, resize)
            carried.elements[name] = xml
    if kept.filter_range:
        carried.elements["autoFilter"] = f'<autoFilter ref="{attribute(shift_ranges(kept.filter_range, row_map))}"/>'
    _move_parts(carried, package, sheet, relations.values(), row_map, resize)
    if linked:
        _annotate(carried, package, sheet, relations, row_map, notes, resize)
    return carried


def headers_on(package: Package, part: str) -> str:
    """The `headerFooter` of a sheet as it is carried; "" when it prints nothing but page numbers."""
    return _kept(_without_cells(package.read(part)), part).headers


def _geometry(package: Package, part: str) -> Geometry:
    """The sizes of the cells of a sheet, read when the first is asked for: few sheets have things that need them."""

    @cache
    def read() -> Geometry:
        return read_geometry(package.read(part), StyleSheet.of(package).digit)

    return Geometry(lambda column: read().width(column), lambda row: read().height(row))


@record(frozen=True, slots=True)
class _Element:
    xml: str
    rel_ids: tuple[str, ...]


@record(frozen=True, slots=True)
class _Kept:
    """What a sheet holds besides cells, before anything moves."""

    root: str
    elements: Mapping[str, _Element]
    rules: Rules
    code_name: str
    tab_colour: str
    filter_range: str
    headers: str


def _without_cells(data: bytes) -> bytes:
    """The sheet part without its cells: they are most of it, and nothing in them is kept here."""
    begin = _CELLS.search(data)
    if begin is None or begin[0].endswith(b"/>"):
        return data
    end = data.rfind(b"</" + begin[1])
    return data if end < begin.end() else data[: begin.end()] + data[end:]


def _kept(data: bytes, part: str) -> _Kept:
    return _remembered(data, part) if len(data) <= _CACHED_SIZE else _taken_apart(data, part)


@lru_cache(maxsize=128)
def _remembered(data: bytes, part: str) -> _Kept:
    return _taken_apart(data, part)


def _taken_apart(data: bytes, part: str) -> _Kept:
    root = parse_xml(data, part)
    if root.tag != f"{{{MAIN}}}worksheet":
        raise BadWorkbook("TPL012", part=part, detail=str(root.tag))
    start, spaces = _start_tag(root)
    elements: dict[str, _Element] = {}
    code_name = tab_colour = filter_range = headers = ""
    for child in root:
        name = etree.QName(child).localname
        if child.tag == f"{{{_COMPATIBILITY}}}AlternateContent":  # controls, with a fallback for older programs
            name = next((etree.QName(inner).localname for choice in child for inner in choice), "")
        if name in _KEPT and name not in elements:
            elements[name] = _Element(_fragment(child, spaces), _rel_ids(child))
        elif name == "sheetPr":
            code_name = child.get("codeName", "")
            colour = child.find(f"{{{MAIN}}}tabColor")
            tab_colour = _fragment(colour, {"": MAIN}) if colour is not None else ""
        elif name == "autoFilter":
            filter_range = child.get("ref", "")
        elif name == "headerFooter":
            headers = printed_of(_fragment(child, {"": MAIN}))
    return _Kept(start, elements, Rules.of(root), code_name, tab_colour, filter_range, headers)


def _start_tag(root: etree._Element) -> tuple[str, Mapping[str, str]]:
    """The start tag of the new sheet and the namespaces it declares by prefix.

    Our own elements are unprefixed and use `r:`; all other prefixes are the sheet's, because attributes such as
    `mc:Ignorable` name them.
    """
    spaces = {prefix: uri for prefix, uri in root.nsmap.items() if prefix and prefix != "r"}
    spaces["r"] = RELATIONSHIPS
    by_uri = {uri: prefix for prefix, uri in spaces.items()}
    attributes = ""
    for key, value in cast("Mapping[str, str]", root.attrib).items():
        uri, _, local = key.rpartition("}")
        prefix = by_uri.get(uri[1:])
        if key == _IGNORABLE:
            value = " ".join(ignored for ignored in value.split() if ignored in spaces)
        if prefix is not None:
            attributes += f' {prefix}:{local}="{attribute(value)}"'
    declared = "".join(f' xmlns:{prefix}="{attribute(uri)}"' for prefix, uri in spaces.items())
    return f'<worksheet xmlns="{MAIN}"{declared}{attributes}>', {"": MAIN, **spaces}


def _fragment(element: etree._Element, spaces: Mapping[str, str]) -> str:
    """The element as text, without the declarations the start tag makes already."""
    xml = etree.tostring(element, encoding="unicode", with_tail=False)
    head, end, rest = xml.partition(">")
    for prefix, uri in spaces.items():
        head = head.replace(f' xmlns:{prefix}="{attribute(uri)}"' if prefix else f' xmlns="{uri}"', "")
    return head + end + rest


def _rel_ids(element: etree._Element) -> tuple[str, ...]:
    return tuple(rel_id for node in element.iter(etree.Element) if (rel_id := node.get(_REL_ID)))


def _text(xml: str | bytes) -> str:
    return xml if isinstance(xml, str) else xml.decode()


@lru_cache(maxsize=64)
def _sheet_properties(own: str, code_name: str, tab_colour: str) -> str:
    """Our `sheetPr` with what the sheet's owner had set."""
    holder = etree.fromstring(f'<x xmlns="{MAIN}" xmlns:r="{RELATIONSHIPS}">{own or "<sheetPr/>"}{tab_colour}</x>')
    properties = holder[0]
    if code_name:
        properties.set("codeName", code_name)
    if tab_colour and properties.find(f"{{{MAIN}}}tabColor") is None:
        properties.insert(0, holder[1])
    return _fragment(properties, {"": MAIN, "r": RELATIONSHIPS})


def _move_parts(
    carried: Carried,
    package: Package,
    sheet: SheetRef,
    relations: Iterable[Relationship],
    row_map: RowMap,
    resize: Resize | None,
) -> None:
    """Move what stands in parts of its own; comments and their boxes are left to `_annotate`."""

    def drawing(data: bytes, row_map: RowMap) -> bytes:
        return moved_drawing(data, row_map, resize)

    def buttons(data: bytes, row_map: RowMap) -> bytes:
        return moved_formulas(data, row_map, sheet.name, unqualified=True)

    def table(data: bytes, row_map: RowMap) -> bytes:
        return buttons(moved_refs(data, row_map), row_map)

    movers: Mapping[str, Callable[[bytes, RowMap], bytes]] = {
        "drawing": drawing,
        "threadedComment": moved_refs,
        "table": table,
        "ctrlProp": buttons,
    }
    for relation in relations:
        mover = movers.get(relation.kind)
        if mover is not None and not relation.external and relation.target in package:
            data = package.read(relation.target)
            moved = mover(data, row_map)
            if moved is not data:
                carried.replaced[relation.target] = moved


def _annotate(
    carried: Carried,
    package: Package,
    sheet: SheetRef,
    relations: Mapping[str, Relationship],
    row_map: RowMap,
    notes: Sequence[Note],
    resize: Resize | None,
) -> None:
    """Bring the sheet's comments and their boxes up to date: the clerk's moved, ours of last time gone, `notes` in."""
    comments_rel = next((r for r in relations.values() if r.kind == "comments" and r.target in package), None)
    shown = re.search(r':id="([^"]*)"', carried.elements.get("legacyDrawing", ""))
    vml_rel = relations.get(shown[1]) if shown else None
    comments = old_comments = None if comments_rel is None else package.read(comments_rel.target)
    vml = old_vml = None if vml_rel is None or vml_rel.target not in package else package.read(vml_rel.target)
    if comments is not None:
        comments, vml = without_notes(comments, vml)
    comments = None if comments is None else moved_refs(comments, row_map)
    vml = None if vml is None else moved_vml(vml, row_map, resize)
    taken = frozenset() if comments is None else noted_cells(comments)
    fresh = [note for note in notes if note.ref not in taken]
    if fresh:
        geometry = Geometry() if resize is None else resize.after
        comments, vml = with_notes(comments, vml, fresh, geometry, _cluster(package, sheet, old_vml))
    links = _Links(carried, package, sheet)
    # The sheet's id in the names keeps two forms of one workbook apart, whose parts are made independently.
    comments_name, vml_name = (
        f"xl/comments{sheet.sheet_id}_{{}}.xml",
        f"xl/drawings/vmlDrawing{sheet.sheet_id}_{{}}.vml",
    )
    links.settle(comments_rel, old_comments, comments, "comments", comments_name, _COMMENTS_TYPE)
    vml_id = links.settle(vml_rel, old_vml, vml, "vmlDrawing", vml_name, _VML_TYPE)
    links.write()
    if vml_id:
        carried.elements["legacyDrawing"] = f'<legacyDrawing r:id="{attribute(vml_id)}"/>'
    else:
        carried.elements.pop("legacyDrawing", None)


def _cluster(package: Package, sheet: SheetRef, vml: bytes | None) -> int:
    """The block of shape ids for the boxes of this sheet: the one it had, or one no other sheet has."""
    had = re.search(rb"idmap\b[^>]*\sdata=\"([0-9]{1,6})", vml) if vml is not None else None
    if had is not None:
        return int(had[1])
    return sum(name.lower().endswith(".vml") for name in package.names) + package.sheets.index(sheet) + 1


class _Links:
    """The relationships of one sheet while parts come and go."""

    def __init__(self, carried: Carried, package: Package, sheet: SheetRef) -> None:
        self._carried = carried
        self._package = package
        self._sheet = sheet
        self._part = relationships_part(sheet.part)
        self._before = package.read(self._part) if self._part in package else None
        self._now = self._before

    def settle(
        self,
        relation: Relationship | None,
        before: bytes | None,
        after: bytes | None,
        kind: str,
        pattern: str,
        content_type: str,
    ) -> str:
        """Put `after` in the place of `before`; the id of its relationship, "" when there is none."""
        if after is None:
            if before is not None and relation is not None:
                self._carried.removed.add(relation.target)
                self._now = without_relationships(self._now or b"", {relation.id})
            return ""
        if relation is not None and before is not None:
            if after != before:
                self._carried.replaced[relation.target] = after
            return relation.id
        name = free_name(pattern, self._package.names)
        self._carried.added.append(NewPart(name, after, content_type))
        self._now, rel_id = with_relationship(self._now, kind, target_between(self._sheet.part, name))
        return rel_id

    def write(self) -> None:
        """Hand the changed list over."""
        if self._now == self._before:
            return
        if self._now is None:
            self._carried.removed.add(self._part)
        elif self._before is None:
            self._carried.added.append(NewPart(self._part, self._now))
        else:
            self._carried.replaced[self._part] = self._now
