"""Proofs a whole pack – rules, form, text blocks – as a form is proofed: findings with file, key or cell.

`perfeval.pack` checks `rules.toml` alone; here the form is compiled, its placeholders are compared with the known
names and with the rules, and the text blocks are tried.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path

from perfeval.errors import PackError
from perfeval.findings import Finding, Severity, worst
from perfeval.layout import Layout, Slot, compile_layout
from perfeval.narrative.check import check_blocks
from perfeval.narrative.context import TEXTS
from perfeval.pack import Pack, check_pack, load_folder
from perfeval.pack.rules import COLUMNS
from perfeval.pack.table import listed
from perfeval.patterns import lazy_pattern

__all__ = ["proof"]

_FORM = "form.xlsx"
_TOTALS = ("total.weight", "total.score", "total.grade")
_FUNDS = ("funds.budget", "funds.allocated", "funds.spent", "funds.points", "funds.score", "funds.execution_rate")
_PART = lazy_pattern(r"(funds\.(?:budget|allocated|spent|execution_rate))\.[a-z0-9_]+")
_CLOSED = ("indicator.", "level1.", "level2.", "total.", "funds.")
_ESSENTIAL = ("indicator.name", "indicator.target", "indicator.actual", "indicator.score")
_HEADER = ("year", *TEXTS)
_NEAR = 0.8


def proof(folder: Path) -> tuple[Finding, ...]:
    """Everything that is wrong with the pack in `folder`, or that its author should look at."""
    findings = check_pack(folder)
    if worst(findings) is Severity.ERROR:
        return findings
    pack = load_folder(folder)
    try:
        layout = compile_layout(pack)
    except PackError as error:
        return *findings, Finding(
            "PAK101", label=_FORM, params={"reason": str(error).partition("\uff1a")[2] or str(error)}
        )
    findings += tuple(_form_findings(layout))
    if worst(findings) is Severity.ERROR:
        return findings
    return findings + check_blocks(pack)


def _form_findings(layout: Layout) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for slot in layout.slots:
        if slot.path is None or slot.path.startswith("narrative."):
            continue
        yield from _name_findings(slot)
        if slot.path in seen and slot.path != "total.weight":
            yield _at("PAK104", slot, path=slot.path, first=seen[slot.path])
        seen.setdefault(slot.path, slot.span.ref)
    pack = layout.pack
    wanted = [*_ESSENTIAL, "total.score"]
    if any(group.weights == "stated" for group in pack.groups):
        wanted.append("indicator.weight")
    for path in wanted:
        if path not in seen:
            yield Finding("PAK105", label=_FORM, params={"path": path})
    yield from _against_rules(pack, seen)


def _name_findings(slot: Slot) -> Iterator[Finding]:
    path = slot.path or ""
    known = (*COLUMNS, *_TOTALS, *_FUNDS)
    if path.startswith(_CLOSED):
        if path not in known and not _PART.fullmatch(path):
            alike = [name for name in known if name.partition(".")[0] == path.partition(".")[0]]
            yield _at("PAK102", slot, path=path, hint=_hint(path, known), allowed=listed(alike))
    elif path not in _HEADER and (near := get_close_matches(path, _HEADER, n=1, cutoff=_NEAR)):
        yield _at("PAK103", slot, path=path, near=near[0])


def _against_rules(pack: Pack, seen: Iterable[str]) -> Iterator[Finding]:
    paths = set(seen)
    for path in pack.required:
        if not _has(paths, path):
            yield Finding("PAK106", label="review.required", params={"path": path})
    group = pack.execution_group
    if group is not None and group.execution is not None:
        for path in (group.execution.base, "funds.spent"):
            if not _has(paths, path):
                yield Finding("PAK107", label=_FORM, params={"path": path, "group": group.name})


def _has(paths: set[str], path: str) -> bool:
    """Whether the form has the place, or parts of which it is the sum."""
    return path in paths or any(place.startswith(f"{path}.") for place in paths)


def _hint(path: str, known: Iterable[str]) -> str:
    near = get_close_matches(path, list(known), n=1)
    return f"是不是「{near[0]}」?" if near else ""


def _at(code: str, slot: Slot, **params: str) -> Finding:
    return Finding(code, slot.span.ref.partition(":")[0], _FORM, params)
