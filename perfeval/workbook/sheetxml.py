"""Building the XML of a worksheet as text: cells, and the order in which Excel wants the parts of a sheet.

Texts are written into the cell itself (`t="inlineStr"`), not into the table of shared strings: that table belongs
to the package of whoever sent the workbook, all its other sheets point into it by number, and writing a form this
way takes about a third less time and no larger file (`tests/bench` has the figures).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["MAIN", "ORDER", "RELATIONSHIPS", "attribute", "blank", "formula", "inline", "number", "text", "worksheet"]

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

# What XML cannot hold, and a text that only looks like the escape Excel uses for it.
_ODD = re.compile("[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
_MARKUP = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_ATTRIBUTE = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\n": "&#10;", "\t": "&#9;"})


def text(content: str) -> str:
    """A text as it stands between tags; control characters become `_xHHHH_`, as Excel writes them."""
    return _ODD.sub(_escaped, content).translate(_MARKUP)


def attribute(content: str) -> str:
    """A text as it stands between the quotes of an attribute."""
    return _ODD.sub(_escaped, content).translate(_ATTRIBUTE)


def _escaped(match: re.Match[str]) -> str:
    return f"_x{ord(match[0]):04X}_"


def inline(ref: str, style: int, content: str) -> str:
    """A cell that holds a text, whatever the text begins with; a blank one when there is no text."""
    if not content:
        return blank(ref, style)
    # Without the mark, blanks at the ends and line ends are the reader's to drop.
    space = ' xml:space="preserve"' if content != content.strip() or "\n" in content else ""
    return f'<c r="{ref}" s="{style}" t="inlineStr"><is><t{space}>{text(content)}</t></is></c>'


def number(ref: str, style: int, value: str) -> str:
    """A cell that holds a number, given as the digits to write."""
    return f'<c r="{ref}" s="{style}"><v>{value}</v></c>'


def blank(ref: str, style: int) -> str:
    """A cell that has only a format."""
    return f'<c r="{ref}" s="{style}"/>'


def formula(ref: str, style: int, expression: str, value: str, *, textual: bool = False) -> str:
    """A cell with a formula (without `=`) and the value it has now, so that every viewer can show it."""
    kind = ' t="str"' if textual else ""
    return f'<c r="{ref}" s="{style}"{kind}><f>{text(expression)}</f><v>{text(value)}</v></c>'


def worksheet(root: str, elements: Mapping[str, str]) -> bytes:
    """The whole part: start tag `root`, then `elements` (by name) in the schema's order."""
    unknown = elements.keys() - set(ORDER)
    if unknown:
        raise ValueError(f"not a part of a worksheet: {sorted(unknown)}")
    body = "".join(elements[name] for name in ORDER if name in elements)
    return f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n{root}{body}</worksheet>'.encode()
