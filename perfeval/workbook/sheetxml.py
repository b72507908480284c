"""Building the XML of a worksheet as text: escapes, and the order in which Excel wants the parts of a sheet."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from perfeval.patterns import lazy_pattern

__all__ = [
    "MAIN",
    "ORDER",
    "RELATIONSHIPS",
    "attribute",
    "formula_like",
    "looks_like_formula",
    "markup",
    "storable",
    "text",
    "unescaped",
    "worksheet",
]

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONSHIPS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"

# The elements of a worksheet in the order the schema prescribes; a program may refuse any other.
ORDER = (
    "sheetPr", "dimension", "sheetViews", "sheetFormatPr", "cols", "sheetData", "sheetCalcPr", "sheetProtection",
    "protectedRanges", "scenarios", "autoFilter", "sortState", "dataConsolidate", "customSheetViews", "mergeCells",
    "phoneticPr", "conditionalFormatting", "dataValidations", "hyperlinks", "printOptions", "pageMargins", "pageSetup",
    "headerFooter", "rowBreaks", "colBreaks", "customProperties", "cellWatches", "ignoredErrors", "smartTags",
    "drawing", "legacyDrawing", "legacyDrawingHF", "drawingHF", "picture", "oleObjects", "controls", "webPublishItems",
    "tableParts", "extLst",
)  # fmt: skip
_PLACES = {name: place for place, name in enumerate(ORDER)}

# What XML cannot hold, and a text that only looks like the escape Excel uses for it.
_ODD = lazy_pattern("[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
# The full-width signs count too: East Asian versions of Excel take them for the others.
_SIGNS = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
_BLANKS = (  # whatever str.isspace calls so
    "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
_FIRST = _SIGNS.union(_BLANKS)
_FORMULA = lazy_pattern(rf"\s*[{re.escape(''.join(sorted(_SIGNS)))}]")
_ATTRIBUTE = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\n": "&#10;", "\t": "&#9;"})


def unescaped(content: str) -> str:
    """A value between quotes or tags as it was meant."""
    if "&" not in content:
        return content
    from html import unescape  # knows thousands of names, and hardly a name of a part or an author has any

    return unescape(content)


def markup(content: str) -> str:
    """What was read from XML – a formula, a range – as it is written again: only the markup is escaped."""
    return content if content.isalnum() else content.translate(_ATTRIBUTE)  # no label needs escapes


def storable(content: str) -> str:
    """A text as XML can hold it: control characters become `_xHHHH_`, as Excel writes them. Markup is not escaped."""
    if "_x" not in content and (content.isprintable() or content.replace("\n", "").isprintable()):
        return content  # nearly every text
    return _ODD.sub(_escaped, content)


def text(content: str) -> str:
    """A text as it stands between tags."""
    content = storable(content)
    if "&" in content:
        content = content.replace("&", "&amp;")
    return content.replace("<", "&lt;").replace(">", "&gt;")  # `translate` looks every character up


def attribute(content: str) -> str:
    """A text as it stands between the quotes of an attribute."""
    return markup(storable(content))


def looks_like_formula(content: str) -> bool:
    """Whether a spreadsheet could take `content` for a formula, if it were not told otherwise."""
    return content[:1] in _FIRST and _FORMULA.match(content) is not None


def formula_like(rows: Iterable[Mapping[int, object]]) -> list[tuple[int, int]]:
    """The places (number of the row, key) of the texts among the values of `rows` that look like formulas."""
    return [
        (number, key)
        for number, values in enumerate(rows)
        for key, value in values.items()
        if type(value) is str and value[:1] in _FIRST and _FORMULA.match(value)
    ]


def _escaped(match: re.Match[str]) -> str:
    return f"_x{ord(match[0]):04X}_"


def worksheet(root: str, elements: Mapping[str, str | bytes]) -> bytes:
    """The whole part: start tag `root`, then `elements` (by name, bytes are UTF-8) in the schema's order."""
    unknown = elements.keys() - _PLACES.keys()
    if unknown:
        raise ValueError(f"not a part of a worksheet: {sorted(unknown)}")
    head = f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n{root}'
    body = [elements[name] for name in sorted(elements, key=_PLACES.__getitem__)]
    pieces = (head, *body, "</worksheet>")
    return b"".join([piece.encode() if isinstance(piece, str) else piece for piece in pieces])
