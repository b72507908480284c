"""The package around our sheet: the workbook part, relationships, content types and properties.

`edited` puts a regenerated sheet back where it was, with the sheets of our own beside it, and changes in the
workbook only what has to change with it: print areas and titles, names that point at moved rows, the order of
calculation (dropped, Excel makes a new one), and the mark that asks every program to calculate anew.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from functools import cached_property

from lxml import etree

from perfeval.record import record
from perfeval.workbook.anchors import moved_formulas
from perfeval.workbook.guard import parse_xml
from perfeval.workbook.listing import print_names, with_entries
from perfeval.workbook.opc import (
    NewPart,
    free_name,
    relationships_part,
    target_between,
    with_content_types,
    with_relationship,
    without_relationships,
)
from perfeval.workbook.package import Package, SheetRef
from perfeval.workbook.properties import new_properties, with_properties
from perfeval.workbook.references import RowMap, shift_formula
from perfeval.workbook.sheetxml import MAIN, RELATIONSHIPS, markup

__all__ = ["NewSheet", "editable", "edited", "free_sheet_name"]

_TYPES = "[Content_Types].xml"
_WORKSHEET_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"
_STYLES_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"
_PROPERTIES_TYPE = "application/vnd.openxmlformats-officedocument.custom-properties+xml"
_WITH_FORMULAS = ("worksheet+xml", "chart+xml", "drawing+xml", "controlproperties+xml")
_M = f"{{{MAIN}}}"
_REL_ID = f"{{{RELATIONSHIPS}}}id"
# What follows in the workbook part, in the schema's order: where a missing element has its place.
_AFTER_NAMES = (
    "calcPr", "oleSize", "customWorkbookViews", "pivotCaches", "smartTagPr", "smartTagTypes", "webPublishing",
    "fileRecoveryPr", "webPublishObjects", "extLst",
)  # fmt: skip
_TITLE_LIMIT = 31  # characters of a sheet name


@record(frozen=True, slots=True)
class NewSheet:
    """A sheet of our own beside the form."""

    name: str
    xml: bytes
    state: str = "visible"  # or "hidden", "veryHidden"
    after: str | None = None  # name of the sheet it follows; None: the last one


def editable(package: Package) -> bool:
    """Whether sheets can be put into this package: not into .xlsb, the rare strict .xlsx, or one that lacks a list."""
    strict = any("purl.oclc.org" in relation.type for relation in package.relationships(""))
    return not package.binary and not strict and _TYPES in package and "_rels/.rels" in package


def free_sheet_name(wanted: str, taken: Iterable[str]) -> str:
    """`wanted`, or with a number when a sheet is called so already (Excel does not tell case apart)."""
    used = {name.casefold() for name in taken}
    name, number = wanted[:_TITLE_LIMIT], 2
    while name.casefold() in used:
        ending = f"({number})"
        name = wanted[: _TITLE_LIMIT - len(ending)] + ending
        number += 1
    return name


def edited(
    package: Package,
    *,
    sheets: Mapping[str, bytes],
    styles: bytes | None = None,
    print_titles: Mapping[str, str] | None = None,
    print_areas: Mapping[str, str] | None = None,
    new_sheets: Sequence[NewSheet] = (),
    drop_sheets: Container[str] = (),
    custom_properties: Mapping[str, str | None] | None = None,
    row_maps: Mapping[str, RowMap] | None = None,
    replaced_parts: Mapping[str, bytes] | None = None,
    added_parts: Sequence[NewPart] = (),
    removed_parts: Iterable[str] = (),
) -> bytes:
    """The bytes of the package with our sheets in it.

    `sheets` are new contents by part name; `print_titles` (`10:12`) and `print_areas` (`A1:L40`) are by sheet name;
    a sheet in `new_sheets` takes the place of one of the same name in `drop_sheets`; a property that is None is
    removed; `row_maps` (by sheet name) say where the rows of our sheets went, for names, charts and formulas
    elsewhere that point at them; the last three are what `carry` hands over.
    """
    edit = _Edit(package)
    edit.replaced.update(replaced_parts or {})
    for part in added_parts:
        edit.add(part)
    for name in removed_parts:
        edit.remove(name)
    edit.replaced.update(sheets)
    if styles is not None:
        edit.styles(styles)
    moved = row_maps or {}
    if not edit.appended(new_sheets, drop_sheets, print_titles or {}, print_areas or {}, moved):
        edit.sheet_list(new_sheets, drop_sheets)
        edit.names(print_titles or {}, print_areas or {}, moved)
        edit.calculation()
    edit.forget_order()
    edit.follow(moved, sheets)
    if custom_properties:
        edit.properties(custom_properties)
    return edit.finished()


class _Edit:
    """A package while it is being changed."""

    def __init__(self, package: Package) -> None:
        self.package = package
        self.replaced: dict[str, bytes] = {}
        self._added: list[tuple[str, bytes]] = []
        self._types: list[tuple[str, str]] = []
        self._removed: set[str] = set()
        self._written: set[str] = set()  # sheets of our own that take the place of older ones
        self._changed = False  # whether the workbook part is no longer as it was
        self._links_part = relationships_part(package.workbook_part)
        self._links = package.read(self._links_part)

    @cached_property
    def _workbook(self) -> etree._Element:
        return parse_xml(self.package.read(self.package.workbook_part), self.package.workbook_part)

    # ---- parts ----

    def add(self, part: NewPart) -> None:
        """Put a part in."""
        self._added.append((part.name, part.data))
        if part.content_type is not None:
            self._types.append((part.name, part.content_type))

    def remove(self, name: str) -> None:
        """Take a part out."""
        self._removed.add(name)

    def styles(self, data: bytes) -> None:
        """The new style sheet."""
        if self.package.styles_part is not None:
            self.replaced[self.package.styles_part] = data
            return
        part = NewPart(free_name(self._beside("styles{}.xml"), self.package.names), data, _STYLES_TYPE)
        self.add(part)
        self._link("styles", part.name)

    def _beside(self, pattern: str) -> str:
        folder = self.package.workbook_part.rpartition("/")[0]
        return f"{folder}/{pattern}" if folder else pattern

    def _link(self, kind: str, part: str) -> str:
        self._links, rel_id = with_relationship(self._links, kind, target_between(self.package.workbook_part, part))
        return rel_id

    # ---- sheets ----

    def appended(
        self,
        new: Sequence[NewSheet],
        drop: Container[str],
        titles: Mapping[str, str],
        areas: Mapping[str, str],
        moved: Mapping[str, RowMap],
    ) -> bool:
        """What `sheet_list`, `names` and `calculation` do, in the usual case without a tree; False: nothing is done."""
        package = self.package
        if any(sheet.name in drop for sheet in package.sheets) or any(sheet.after for sheet in new):
            return False
        taken = {*package.names, *(name for name, _ in self._added)}
        links = self._links
        parts: list[NewPart] = []
        entries: list[tuple[str, str, str]] = []
        for sheet in new:
            parts.append(NewPart(free_name(self._beside("worksheets/sheet{}.xml"), taken), sheet.xml, _WORKSHEET_TYPE))
            taken.add(parts[-1].name)
            target = target_between(package.workbook_part, parts[-1].name)
            links, rel_id = with_relationship(links, "worksheet", target)
            entries.append((sheet.name, sheet.state, rel_id))
        names = print_names([*(s.name for s in package.sheets), *(s.name for s in new)], titles, areas)
        before = package.read(package.workbook_part)
        listed = with_entries(before, len(package.sheets), entries, names, lambda formula: _shifted(formula, moved))
        if listed is None:
            return False
        self.replaced[package.workbook_part] = listed
        self._links = links
        for part in parts:
            self.add(part)
        return True

    def sheet_list(self, new: Sequence[NewSheet], drop: Container[str]) -> None:
        """Take sheets out and put sheets in; everything that counts sheets by position is told."""
        listed = self._workbook.find(f"{_M}sheets")
        if listed is None:
            return
        before = list(listed)
        wanted = {sheet.name: sheet for sheet in new}
        for sheet in self.package.sheets:
            if sheet.name not in drop:
                continue
            self._forget_parts_of(sheet.part)
            entry = next(entry for entry in before if entry.get(_REL_ID) == sheet.rel_id)
            replacement = wanted.pop(sheet.name, None)
            if replacement is not None:
                self.replaced[sheet.part] = replacement.xml
                self._written.add(sheet.part)
                self._set_state(entry, replacement.state)
            else:
                self._drop(listed, entry, sheet)
        for new_sheet in wanted.values():
            self._insert(listed, new_sheet)
        after = list(listed)
        if after != before:
            self._changed = True
            self._renumber(before, after)

    def _set_state(self, entry: etree._Element, state: str) -> None:
        if entry.get("state", "visible") == state:
            return
        self._changed = True
        if state == "visible":
            del entry.attrib["state"]
        else:
            entry.set("state", state)

    def _drop(self, listed: etree._Element, entry: etree._Element, sheet: SheetRef) -> None:
        listed.remove(entry)
        self.remove(sheet.part)
        self._links = without_relationships(self._links, {sheet.rel_id}) or self._links

    def _forget_parts_of(self, part: str) -> None:
        """Take out what only a sheet of ours pointed to: another program may have given it printer settings."""
        own = self.package.relationships(part)
        if not own:
            return
        self.remove(relationships_part(part))
        others = {
            relation.target
            for name in self.package.names
            if name != part and not name.endswith(".rels")
            for relation in self.package.relationships(name)
        }
        for relation in own:
            if not relation.external and relation.target in self.package and relation.target not in others:
                self.remove(relation.target)

    def _insert(self, listed: etree._Element, sheet: NewSheet) -> None:
        taken = {*self.package.names, *(name for name, _ in self._added)}
        part = free_name(self._beside("worksheets/sheet{}.xml"), taken)
        self.add(NewPart(part, sheet.xml, _WORKSHEET_TYPE))
        ids = {int(entry.get("sheetId", "0")) for entry in listed if entry.get("sheetId", "").isdecimal()}
        # Without a prefix of its own it would get whichever other libraries in the process have made known to lxml.
        entry = etree.Element(f"{_M}sheet", nsmap={"r": RELATIONSHIPS})
        entry.set("name", sheet.name)
        entry.set("sheetId", str(max(ids, default=0) + 1))
        if sheet.state != "visible":
            entry.set("state", sheet.state)
        entry.set(_REL_ID, self._link("worksheet", part))
        at = next((at for at, known in enumerate(listed, 1) if known.get("name") == sheet.after), len(listed))
        listed.insert(at, entry)

    def _renumber(self, before: Sequence[etree._Element], after: Sequence[etree._Element]) -> None:
        places = {old: after.index(entry) for old, entry in enumerate(before) if entry in after}
        names = self._workbook.find(f"{_M}definedNames")
        for name in [] if names is None else list(names):
            scope = name.get("localSheetId", "")
            if scope.isdecimal():
                place = places.get(int(scope))
                if place is None and names is not None:
                    names.remove(name)
                else:
                    name.set("localSheetId", str(place))
        if names is not None and not len(names):
            self._workbook.remove(names)
        visible = next((at for at, entry in enumerate(after) if entry.get("state", "visible") == "visible"), 0)
        for view in self._workbook.iterfind(f"{_M}bookViews/{_M}workbookView"):
            for key in ("activeTab", "firstSheet"):
                if (tab := view.get(key, "")).isdecimal():
                    view.set(key, str(places.get(int(tab), visible)))

    # ---- names and calculation ----

    def names(self, titles: Mapping[str, str], areas: Mapping[str, str], moved: Mapping[str, RowMap]) -> None:
        """Print titles and areas of our sheets; all other names that point at moved rows follow them."""
        sheets = [entry.get("name", "") for entry in self._workbook.iterfind(f"{_M}sheets/{_M}sheet")]
        wanted = {(name, str(place)): formula for (name, place), formula in print_names(sheets, titles, areas).items()}
        for name in self._workbook.iterfind(f"{_M}definedNames/{_M}definedName"):
            formula = name.text or ""
            new = wanted.pop((name.get("name", ""), name.get("localSheetId", "")), None)
            if new is None:
                new = _shifted(formula, moved)
            if new != formula:
                name.text = new
                self._changed = True
        for (name_of, scope), formula in wanted.items():
            entry = etree.SubElement(self._child("definedNames", _AFTER_NAMES), f"{_M}definedName")
            entry.set("name", name_of)
            entry.set("localSheetId", scope)
            entry.text = formula
            self._changed = True

    def calculation(self) -> None:
        """Have every program calculate anew."""
        properties = self._child("calcPr", _AFTER_NAMES)
        if properties.get("fullCalcOnLoad") != "1":
            properties.set("fullCalcOnLoad", "1")
            self._changed = True

    def forget_order(self) -> None:
        """Take the list out in which order cells were calculated."""
        for relation in self.package.relationships(self.package.workbook_part):
            if relation.kind == "calcChain":
                self.remove(relation.target)
                self._links = without_relationships(self._links, {relation.id}) or self._links

    def _child(self, name: str, following: Sequence[str]) -> etree._Element:
        """The child called `name` of the workbook, made before the `following` ones when there is none."""
        child = self._workbook.find(_M + name)
        if child is None:
            child = etree.Element(_M + name)
            later = {_M + other for other in following}
            at = next((at for at, other in enumerate(self._workbook) if other.tag in later), len(self._workbook))
            self._workbook.insert(at, child)
        return child

    def follow(self, moved: Mapping[str, RowMap], ours: Container[str]) -> None:
        """Formulas on other sheets and in charts that point at our sheet go with its rows; others stay as they are."""
        for sheet, row_map in moved.items():
            mention = markup(sheet.replace("'", "''")).encode()
            for part in self.package.names:
                if part in ours or part in self._written or part in self._removed:
                    continue
                if not part.lower().endswith(".xml") or "/" not in part:
                    continue
                if not any(
                    word in (self.package.content_type(part) or "") for word in ("worksheet+", "chart+", "controlp")
                ):
                    continue
                data = self.replaced.get(part) or self.package.read(part)
                if mention in data:
                    new = moved_formulas(data, row_map, sheet, unqualified=False)
                    if new is not data:
                        self.replaced[part] = new

    # ---- properties ----

    def properties(self, values: Mapping[str, str | None]) -> None:
        """Merge our custom properties with those that are there."""
        relation = next((r for r in self.package.relationships("") if r.kind == "custom-properties"), None)
        if relation is not None and relation.target in self.package:
            self.replaced[relation.target] = with_properties(self.package.read(relation.target), values)
            return
        part = (
            free_name("docProps/custom{}.xml", self.package.names)
            if "docProps/custom.xml" in self.package
            else "docProps/custom.xml"
        )
        self.add(NewPart(part, new_properties(values), _PROPERTIES_TYPE))
        links = relationships_part("")
        self.replaced[links], _ = with_relationship(self.package.read(links), "custom-properties", part)

    # ---- the end ----

    def finished(self) -> bytes:
        """The bytes of the new package."""
        package, replaced = self.package, self.replaced
        if self._changed:
            replaced[package.workbook_part] = etree.tostring(
                self._workbook, xml_declaration=True, encoding="UTF-8", standalone=True
            )
        replaced[self._links_part] = self._links
        gone = [name for name in package.names if name in self._removed]
        if gone or self._types:
            replaced[_TYPES] = with_content_types(package.read(_TYPES), gone, self._types)
        for name in gone:
            replaced.pop(name, None)
        return package.rebuilt(replaced, self._removed, self._added)


def _shifted(formula: str, moved: Mapping[str, RowMap]) -> str:
    """A formula of the workbook after the rows of our sheets went where `moved` says."""
    for sheet, row_map in moved.items():
        formula = shift_formula(formula, row_map, sheet)
    return formula
