"""Proofs the text blocks of a pack: each is rendered on made-up forms before a real one meets it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from perfeval import quantity
from perfeval.calculator import evaluate
from perfeval.findings import Finding
from perfeval.layout import compile_layout
from perfeval.model import Cell, Form, Indicator
from perfeval.narrative.blocks import Fault, blocks_of, sections
from perfeval.narrative.context import TEXTS, context_of
from perfeval.narrative.environment import file_of
from perfeval.pack import Pack

__all__ = ["check_blocks"]

# What clerks write that a block must bear: marks of a template, quotes, line ends, a name without end.
_AWKWARD = "“{{ 7*7 }}”{% if %}\n" + "超长名称" * 40 + "(个)"


def check_blocks(pack: Pack) -> tuple[Finding, ...]:
    """What is wrong with the text blocks, each place once; the form of `pack` must be valid."""
    places = compile_layout(pack).sections
    blocks = blocks_of(pack)
    names = sections(pack)
    found = {
        section: _finding("PAK905", file_of(section), section=section) for section in names if section not in places
    }
    found |= {
        section: _finding("PAK906", file_of(section), section=section) for section in places if section not in names
    }
    faults: dict[tuple[str, str, int], Finding] = {}
    for number, form in enumerate(_samples(pack)):
        evaluation, _ = evaluate(form, pack)
        context = blocks.names(context_of(pack, form, evaluation))
        for section in names:
            try:
                text = blocks.text(section, context)
            except Fault as fault:
                line = str(fault.line)
                faults.setdefault(
                    (fault.code, fault.file, fault.line),
                    _finding(fault.code, fault.file, line=line, reason=fault.reason),
                )
                continue
            if number == 0 and not text:
                found.setdefault(section, _finding("PAK904", file_of(section)))
    return (*faults.values(), *found.values())


def _finding(code: str, file: str, **params: str) -> Finding:
    return Finding(code, label=file, params={"file": file, **params})


def _samples(pack: Pack) -> Iterator[Form]:
    """A form as it should be, an empty one, and one of everything that is awkward."""
    labels = dict.fromkeys(path for path in compile_layout(pack).places if not path.startswith("narrative."))
    paths = [*dict.fromkeys((*TEXTS, *labels, "funds.budget", "funds.allocated.own_level", "funds.spent.own_level"))]
    year = pack.year or 2024
    yield Form(
        pack.id, "", _fields(paths, "示例", "100"), tuple(_rows(pack, "示例指标(个)", ("100个", "80个"))), {}, year
    )
    yield Form(pack.id, "", _fields(paths, "", ""), (), {})
    yield Form(pack.id, "", _fields(paths, _AWKWARD, "0"), tuple(_rows(pack, _AWKWARD, ("0个", "约??", ""))), {})
    few = {path: cell for path, cell in _fields(paths, "示例", "100").items() if path != "funds.allocated.own_level"}
    yield Form(pack.id, "", few, tuple(_rows(pack, "示例指标", ("120个",)))[:1], {}, year)


def _fields(paths: list[str], text: str, number: str) -> dict[str, Cell]:
    amount = Cell(text=number, number=Decimal(number) if number else None)
    return {path: amount if path.startswith("funds.") else Cell(text=text) for path in paths}


def _rows(pack: Pack, name: str, results: tuple[str, ...]) -> Iterator[Indicator]:
    """A row per kind and result; target 100."""
    for group in pack.groups:
        for kind in group.kinds:
            for row, result in enumerate(results, 1):
                texts = {"target": "≥100个", "actual": result, "shortfall_reason": name, "evidence": name}
                yield Indicator(
                    row=row,
                    group=group.name,
                    level1=group.name,
                    level2=kind.name,
                    name=f"{name}{row}",
                    cells={key: Cell(text=text) for key, text in texts.items()},
                    target=quantity.parse(texts["target"]),
                    actual=quantity.parse(texts["actual"]),
                    stated_score=Decimal(row) if group.scoring == "stated" else None,
                )
