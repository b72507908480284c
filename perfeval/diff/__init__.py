"""What changed between two versions of a form, in the clerk's words.

    comparison = compare(Path("旧.xlsx"), Path("新.xlsx"), Options())
    comparison = compare(None, Path("新.xlsx"), Options())        # with what the workbook itself remembers

Every change has a label, the cells before and after, and both texts; longer texts also as pieces kept, taken out and
put in. Rows are followed by their content, so that an inserted row is one change and not thirty.
"""

from __future__ import annotations

from perfeval.diff.changes import GROUPS, KINDS, Change, FormChanges
from perfeval.diff.compare import Comparison, compare
from perfeval.diff.words import Piece, difference

__all__ = ["GROUPS", "KINDS", "Change", "Comparison", "FormChanges", "Piece", "compare", "difference"]
