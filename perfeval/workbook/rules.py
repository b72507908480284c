"""What a sheet says about ranges of cells: conditional formats, validations, links, sparklines.

Such a rule has to follow its rows: a rule of a form template stands at one row and is wanted on all the rows that
row became (`Rules.expanded`), a rule somebody added to a filled form must stay with the rows it was put on
(`Rules.moved`). Both replace the same few places in otherwise untouched XML, so a rule is cut once into text with
holes and filled as often as needed.

Rules are compared by what they say, without regard to rows, formats and priorities (`Rules.without`): that is how a
clerk's own rule is told from the template's rule that we wrote into the same sheet last time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, cast

from lxml import etree

from perfeval.patterns import lazy_pattern
from perfeval.record import record
from perfeval.workbook.guard import LIMITS, BadWorkbook
from perfeval.workbook.references import (
    RowMap,
    RowSpans,
    expand_formula,
    expand_ranges,
    shift_formula,
    shift_ranges,
)
from perfeval.workbook.sheetxml import MAIN, markup

__all__ = ["NO_RULES", "Placed", "Rules", "merged"]

_X14 = "http://schemas.microsoft.com/office/spreadsheetml/2009/9/main"
_SPARKLINES = "{05C60535-1F16-4FD2-B633-F4F36F0B64E0}"
_EXTENSIONS = {  # uri of an <ext> → the list inside it whose items are rules of their own
    "{78C0D931-6437-407D-A8EE-F0AAD7539E65}": "conditionalFormattings",
    "{CCE6A557-97BC-4B89-ADB6-D9C93CAAB3DF}": "dataValidations",
    _SPARKLINES: "sparklineGroups",
}
_LISTS = {  # lists of the sheet itself, and their items
    "dataValidations": "dataValidation",
    "hyperlinks": "hyperlink",
    "protectedRanges": "protectedRange",
    "ignoredErrors": "ignoredError",
    "cellWatches": "cellWatch",
}
_PARENTS = {item: parent for parent, item in _LISTS.items()}
_FORMULAS = {"formula", "formula1", "formula2", "f"}  # elements that hold a formula
_MARK = lazy_pattern("\ue000([0-9]+)\ue001")
_ROW_NUMBER = lazy_pattern(r"(?<=[A-Za-z$])[0-9]+")
_NUMBER = lazy_pattern(r"(?<![0-9.])[1-9][0-9]{0,6}(?![0-9])")
_REMEMBERED = 64  # sets of row positions
_AREA = lazy_pattern(r"\$?([A-Za-z]*)\$?([0-9]*)(?::\$?([A-Za-z]*)\$?[0-9]*)?")
# Left out when rules are compared: where a rule stands, how it is numbered, and words beside it.
_INCIDENTAL = {
    "dxfId", "priority", "sqref", "ref", "id", "display", "tooltip", "allowBlank", "showDropDown", "showInputMessage",
    "showErrorMessage", "errorStyle", "imeMode", "errorTitle", "error", "promptTitle",
}  # fmt: skip
_DEFAULTS = {("operator", "between")}

_Kind = Literal["ranges", "formula", "format", "priority"]


@record(frozen=True, slots=True)
class _Hole:
    """A place in a rule's XML that depends on where the rule stands."""

    kind: _Kind
    content: str


class _Rule:
    """One rule; its XML is cut at the holes when first asked for."""

    __slots__ = ("_cut", "_element", "anchor", "columns", "family", "linked", "meaning", "ranges")

    def __init__(self, element: etree._Element, family: str) -> None:
        self.family = family  # element name, or "ext:" and the uri of the extension
        self.ranges = _ranges(element)
        areas = [_AREA.match(area) for area in self.ranges.split()]
        self.anchor = next((int(area[2]) for area in areas if area and area[2]), 0)  # first row it stands on
        self.columns = {letters for area in areas if area for letters in (area[1], area[3]) if letters}
        self.meaning = _meaning(element)
        # It points to another part of its package and means nothing in any other.
        self.linked = any("}" in key and key.endswith("}id") for key in _attributes(element))
        self._element = element
        self._cut: tuple[tuple[str, ...], tuple[_Hole, ...]] | None = None

    def cut(self) -> tuple[tuple[str, ...], tuple[_Hole, ...]]:
        """The literal pieces of the XML, and the holes between them."""
        if self._cut is None:
            self._cut = _cut(
                self._element, verbatim=self.family.startswith("ext:") and not _item_of_list(self._element)
            )
        return self._cut


@record(frozen=True, slots=True)
class Placed:
    """A rule as it is to stand in a sheet; its priorities are given out when all rules are merged."""

    family: str
    literals: tuple[str, ...]  # XML cut where a priority belongs
    priorities: tuple[int, ...]  # those it had among its like


class Rules:
    """The rules of one sheet, in their order."""

    __slots__ = ("_expanded", "_mentioned", "_rules")

    def __init__(self, rules: Iterable[_Rule] = ()) -> None:
        self._rules = tuple(rules)
        self._mentioned: tuple[int, ...] | None = None
        self._expanded: dict[object, tuple[Placed, ...]] = {}

    @classmethod
    def of(cls, elements: Iterable[etree._Element]) -> Rules:
        """The rules in some children of a worksheet element; other children are passed over.

        Takes whole lists (`dataValidations`) as well as single items (`dataValidation`).
        """
        found: dict[tuple[str, str, str], _Rule] = {}
        for number, (element, family) in enumerate(_items(elements)):
            if number >= LIMITS.rules:
                raise BadWorkbook("TPL006", what="条件格式和数据有效性", limit=f"{LIMITS.rules} 条")
            rule = _Rule(element, family)
            found.setdefault((family, rule.meaning, rule.ranges), rule)
        return cls(found.values())

    def __len__(self) -> int:
        return len(self._rules)

    @property
    def formats(self) -> tuple[int, ...]:
        """The differential formats (`dxfId`) the rules use, to be adopted with `StyleSheet.adopt`."""
        used = {int(hole.content) for rule in self._rules for hole in rule.cut()[1] if hole.kind == "format"}
        return tuple(sorted(used))

    def expanded(self, spans: RowSpans, formats: Mapping[int, int] | None = None) -> tuple[Placed, ...]:
        """The rules of a template for a sheet in which template row r became the rows `spans(r)`.

        A rule on B13 of a row that became 13–27 applies to B13:B27, its formulas being those of the top-left
        cell (see `expand_formula`); a rule whose rows were all left out is left out. `formats` maps the
        template's differential formats to those of the target.
        """
        if self._mentioned is None:
            texts = (hole.content for rule in self._rules for hole in rule.cut()[1])
            self._mentioned = tuple(sorted({int(row) for text in texts for row in _NUMBER.findall(text)}))
        # Most forms of a batch have rules at the same rows: what they come to is remembered.
        key = (tuple(map(spans, self._mentioned)), None if formats is None else tuple(sorted(formats.items())))
        known = self._expanded.get(key)
        if known is None:
            while len(self._expanded) >= _REMEMBERED:
                del self._expanded[next(iter(self._expanded))]
            known = self._expanded[key] = self._expand(spans, formats)
        return known

    def _expand(self, spans: RowSpans, formats: Mapping[int, int] | None) -> tuple[Placed, ...]:
        def fill(hole: _Hole, rule: _Rule) -> str | None:
            if hole.kind == "ranges":
                if rule.family.upper() == f"EXT:{_SPARKLINES}":  # one cell each: it stays in the first row
                    return shift_ranges(hole.content, lambda row: spans(row)[0])
                return expand_ranges(hole.content, spans) or None
            return expand_formula(hole.content, spans, rule.anchor)

        return _filled((rule for rule in self._rules if not rule.linked), fill, formats)

    def moved(self, row_map: RowMap, sheet: str, *, linked: bool = True) -> tuple[Placed, ...]:
        """The rules of the sheet called `sheet`, every row r of which went to `row_map(r)`.

        With `linked=False` without those that point to another part of their package, such as links to the web.
        """

        def fill(hole: _Hole, _rule: _Rule) -> str:
            if hole.kind == "ranges":
                return shift_ranges(hole.content, row_map)
            return shift_formula(hole.content, row_map, sheet, unqualified=True)

        return _filled((rule for rule in self._rules if linked or not rule.linked), fill, None)

    def without(self, own: Rules) -> Rules:
        """The rules that do not say the same about the same columns as rules of `own` do."""
        known: dict[tuple[str, str], set[str]] = {}
        for rule in own._rules:
            known.setdefault((rule.family, rule.meaning), set()).update(rule.columns)

        def ours(rule: _Rule) -> bool:
            columns = known.get((rule.family, rule.meaning))
            return columns is not None and rule.columns <= columns and not rule.linked

        return Rules(rule for rule in self._rules if not ours(rule))


NO_RULES = Rules()


def merged(*groups: Iterable[Placed]) -> dict[str, str]:
    """All rules as the elements of one sheet, by element name; rules of earlier groups come first.

    Priorities of conditional formats are given out anew, 1 for the first rule of the first group, so that two
    groups never contend for one.
    """
    families: dict[str, list[str]] = {}
    following = 1
    for group in groups:
        rules = list(group)
        order = sorted({priority for rule in rules for priority in rule.priorities})
        ranks = {priority: following + rank for rank, priority in enumerate(order)}
        following += len(order)
        for rule in rules:
            xml = rule.literals[0]
            for priority, literal in zip(rule.priorities, rule.literals[1:], strict=True):
                xml += f"{ranks[priority]}{literal}"
            same = families.setdefault(rule.family, [])
            if xml not in same:
                same.append(xml)
    return _elements(families)


def _elements(families: Mapping[str, Sequence[str]]) -> dict[str, str]:
    elements: dict[str, str] = {}
    extensions = ""
    for family, items in families.items():
        if family == "conditionalFormatting":
            elements[family] = "".join(items)
        elif family.startswith("ext:"):
            extensions += _extension(family[4:], items)
        else:
            parent = _PARENTS[family]
            count = f' count="{len(items)}"' if parent == "dataValidations" else ""
            elements[parent] = f"<{parent}{count}>{''.join(items)}</{parent}>"
    if extensions:
        elements["extLst"] = f"<extLst>{extensions}</extLst>"
    return elements


def _extension(uri: str, items: Sequence[str]) -> str:
    name = _EXTENSIONS.get(uri.upper())
    if name is None:
        return "".join(items)
    count = f' count="{len(items)}"' if name == "dataValidations" else ""
    return f'<ext uri="{uri}" xmlns:x14="{_X14}"><x14:{name}{count}>{"".join(items)}</x14:{name}></ext>'


def _local(element: etree._Element) -> str:
    return element.tag.rpartition("}")[2]


def _attributes(element: etree._Element) -> Mapping[str, str]:
    return cast("Mapping[str, str]", element.attrib)


def _items(elements: Iterable[etree._Element]) -> Iterable[tuple[etree._Element, str]]:
    for element in elements:
        name = _local(element)
        if name == "conditionalFormatting" or name in _PARENTS:
            yield element, name
        elif name in _LISTS:
            for item in element:
                if _local(item) == _LISTS[name]:
                    yield item, _LISTS[name]
        elif name == "extLst":
            for extension in element:
                yield from _extension_items(extension)


def _extension_items(extension: etree._Element) -> Iterable[tuple[etree._Element, str]]:
    uri = extension.get("uri", "")
    inside = _EXTENSIONS.get(uri.upper())
    if inside is not None and len(extension) == 1 and _local(extension[0]) == inside:
        for item in extension[0]:
            yield item, f"ext:{uri}"
    else:
        yield extension, f"ext:{uri}"


def _item_of_list(element: etree._Element) -> bool:
    return _local(element) != "ext"


def _ranges(rule: etree._Element) -> str:
    """The ranges a rule applies to; in extensions they are elements, one for each sparkline."""
    written = rule.get("sqref") or rule.get("ref") or rule.get("r")
    if written is None:
        written = " ".join(node.text or "" for node in rule.iter("{*}sqref"))
    return written


def _meaning(node: etree._Element) -> str:
    """What a rule says, without its place; the same after other programs saved it with defaults spelled out."""
    name = _local(node)
    if name in ("sqref", "id"):
        return ""
    said = sorted(
        f"{key}={_ROW_NUMBER.sub('', value)}"
        for key, value in (
            (key, {"true": "1", "false": "0"}.get(value, value)) for key, value in _attributes(node).items()
        )
        if "}" not in key and key not in _INCIDENTAL and value != "0" and (key, value) not in _DEFAULTS
    )
    written = _ROW_NUMBER.sub("", node.text.strip()) if node.text else ""
    return f"<{name} {' '.join(said)}>{written}{''.join(map(_meaning, node))}</>"


def _cut(element: etree._Element, *, verbatim: bool) -> tuple[tuple[str, ...], tuple[_Hole, ...]]:
    """Replace what depends on the place by holes."""
    copy = etree.fromstring(etree.tostring(element, with_tail=False))
    holes: list[_Hole] = []

    def hole(kind: _Kind, content: str) -> str:
        holes.append(_Hole(kind, content))
        return f"\ue000{len(holes) - 1}\ue001"

    for node in copy.iter(etree.Element):
        name = _local(node)
        if not verbatim:
            # Identifiers for co-authoring are meaningless elsewhere, and their prefix may be unknown there.
            for key in [key for key in _attributes(node) if "}" in key and not key.endswith(("}id", "}space"))]:
                del node.attrib[key]
        for key in ("sqref", "ref") if name != "cellWatch" else ("r",):
            if key in node.attrib:
                node.set(key, hole("ranges", node.get(key, "")))
        if name == "sqref" and node.text:
            node.text = hole("ranges", node.text)
        elif name in _FORMULAS and node.text and not len(node):
            node.text = hole("formula", node.text)
        elif name == "cfvo" and node.get("val"):  # a threshold may be a formula
            node.set("val", hole("formula", node.get("val", "")))
        elif name == "hyperlink" and node.get("location"):
            node.set("location", hole("formula", node.get("location", "")))
        elif name == "cfRule":
            for key, kind in _RULE_NUMBERS:
                if (number := node.get(key, "")).isdecimal():
                    node.set(key, hole(kind, number))
    if not verbatim:
        etree.cleanup_namespaces(copy)
    xml = etree.tostring(copy, encoding="unicode").replace(f' xmlns="{MAIN}"', "", 1)
    pieces = _MARK.split(xml)
    return tuple(pieces[0::2]), tuple(holes[int(index)] for index in pieces[1::2])


_RULE_NUMBERS: tuple[tuple[str, _Kind], ...] = (("dxfId", "format"), ("priority", "priority"))


def _filled(
    rules: Iterable[_Rule], fill: Callable[[_Hole, _Rule], str | None], formats: Mapping[int, int] | None
) -> tuple[Placed, ...]:
    placed = (_fill(rule, fill, formats) for rule in rules)
    return tuple(rule for rule in placed if rule is not None)


def _fill(rule: _Rule, fill: Callable[[_Hole, _Rule], str | None], formats: Mapping[int, int] | None) -> Placed | None:
    pieces, holes = rule.cut()
    literals = [pieces[0]]
    priorities = []
    for hole, literal in zip(holes, pieces[1:], strict=True):
        if hole.kind == "priority":
            priorities.append(int(hole.content))
            literals.append(literal)
            continue
        if hole.kind == "format":
            content: str | None = str(hole.content if formats is None else formats[int(hole.content)])
        else:
            content = fill(hole, rule)
        if content is None:
            return None
        literals[-1] += markup(content) + literal
    return Placed(rule.family, tuple(literals), tuple(priorities))
