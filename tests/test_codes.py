"""The catalogue of findings: ids that never change, words that always come out whole."""

from __future__ import annotations

import os
import re
from pathlib import Path
from string import Formatter

import pytest

from perfeval.findings import STAGES, Code, Finding, catalogue, code

GOLDEN = Path(__file__).parent / "golden" / "codes.txt"
CODES = tuple(catalogue().values())
ALWAYS_THERE = {"cell", "label", "sheet"}
CHINESE = re.compile("[\u4e00-\u9fff]")


def params(entry: Code) -> set[str]:
    return {
        name for text in (entry.message, entry.fix) for _, name, _, _ in Formatter().parse(text) if name is not None
    } - ALWAYS_THERE


def test_ids_are_those_of_the_snapshot() -> None:
    """A code is never reused: people quote it over the phone. PERFEVAL_UPDATE=1 writes the snapshot anew."""
    now = "".join(f"{entry.id} {entry.severity.value:<8}{entry.title}\n" for entry in CODES)
    if os.environ.get("PERFEVAL_UPDATE"):
        GOLDEN.write_text(now, encoding="utf-8")
    assert GOLDEN.read_text(encoding="utf-8") == now


def test_ids_are_unique_and_well_formed() -> None:
    modules = [__import__(f"perfeval.findings.{stage.lower()}", fromlist=["CODES"]) for stage in STAGES]
    ids = [entry.id for module in modules for entry in module.CODES]
    assert len(ids) == len(set(ids))
    for stage, module in zip(STAGES, modules, strict=True):
        for entry in module.CODES:
            assert re.fullmatch(rf"{stage}\d{{3}}", entry.id)
            assert code(entry.id) is entry
        assert [entry.id for entry in module.CODES] == sorted(entry.id for entry in module.CODES)


@pytest.mark.parametrize("entry", CODES, ids=lambda entry: entry.id)
def test_words_of_a_code(entry: Code) -> None:
    for text in (entry.message, entry.fix):
        for _, name, spec, conversion in Formatter().parse(text):
            assert name is None or (name.isidentifier() and not spec and not conversion), f"{{{name}}} is not plain"
    assert CHINESE.search(entry.title)
    assert CHINESE.search(entry.message)
    assert CHINESE.search(entry.fix), "what should the clerk type instead?"
    assert "\n" not in entry.title
    assert len(entry.title) <= 24, "a title stands in tables"
    assert entry.message.endswith(("。", "?", "}", "」")), "a whole sentence"
    for text in (entry.title, entry.message, entry.fix, entry.why, entry.example):
        assert "  " not in text, "two literals joined with one blank too many"
        assert text == text.strip()


@pytest.mark.parametrize("entry", CODES, ids=lambda entry: entry.id)
def test_a_finding_renders_with_its_parameters_and_complains_without(entry: Code) -> None:
    names = params(entry)
    finding = Finding(entry.id, "H23", "甲 / 实现值", {name: f"〈{name}〉" for name in names}, "表")
    shown = finding.message + finding.fix
    assert all(f"〈{name}〉" in shown for name in names)
    assert not re.search(r"(?<!\{)\{\w+\}(?!\})", shown), "a parameter is left open"
    for name in names:
        incomplete = Finding(entry.id, params=dict.fromkeys(names - {name}, "x"))
        with pytest.raises(KeyError):
            _ = incomplete.message + incomplete.fix


def test_unknown_code_is_our_mistake() -> None:
    with pytest.raises(KeyError):
        code("OUT999")
