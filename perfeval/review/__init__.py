"""The finance department's re-check (自评复核), done before the form is handed in.

Each rule is a small function of a `ReviewContext` that yields findings; what the reader and the calculator have said
already is not said again. Words and thresholds are the pack's.
"""

from __future__ import annotations

from functools import lru_cache

from perfeval.findings import Finding
from perfeval.model import Evaluation, Form
from perfeval.pack import Pack
from perfeval.patterns import lazy_pattern
from perfeval.review import arithmetic, evidence, logic, money, promises, text
from perfeval.review.context import ReviewContext, Rule

__all__ = ["RULES", "review"]

RULES: tuple[Rule, ...] = (
    *logic.RULES,
    *money.RULES,
    *arithmetic.RULES,
    *text.RULES,
    *promises.RULES,
    *evidence.RULES,
)


def review(form: Form, evaluation: Evaluation, pack: Pack) -> tuple[Finding, ...]:
    """Everything a reviewer would ask about, whole-sheet findings first, then in reading order."""
    context = ReviewContext(form, evaluation, pack)
    found: dict[tuple[object, ...], Finding] = {}
    for rule in RULES:
        for finding in rule.check(context):
            found.setdefault((finding.code, finding.cell, *finding.params.items()), finding)
    return tuple(sorted(found.values(), key=lambda finding: _position(finding.cell)))


_REF = lazy_pattern(r"([A-Z]+)([0-9]+)")


@lru_cache(maxsize=4096)
def _position(cell: str) -> tuple[int, int, str]:
    """Row and column of an address; what concerns the whole sheet comes first."""
    match = _REF.fullmatch(cell)
    if match is None:
        return 0, 0, ""
    letters = match.group(1)
    return int(match.group(2)), len(letters), letters
