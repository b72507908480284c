"""The laws of the two directions, for every pack: what is written is read again, and that written gives the same."""

from __future__ import annotations

import io
import zipfile
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perfeval import quantity
from perfeval.assemble import form_workbook
from perfeval.calculator import evaluate
from perfeval.layout import COMPUTED, Layout
from perfeval.model import Cell, Form, Indicator
from perfeval.pack import Group, available, load_pack
from perfeval.pipeline import layout_of
from perfeval.reader import read_form
from perfeval.splitcols import together
from perfeval.workbook.grid import open_book

KEYS = ("name", "relation", "target", "unit", "actual", "shortfall_reason", "evidence")

# Characters that hurt: markup, formula starts, quotes, control and rare ones. No label can be made of them.
CHARACTERS = "甲乙丙丁戊己庚辛壬癸一二三0123456789abcXYZ=+-@'\"<>&%()《》、。;~\u3000 \u00a0\u2028𠮷é_x"
line = st.text(CHARACTERS, min_size=1, max_size=40).map(str.strip).filter(bool)
lines = st.lists(line, min_size=1, max_size=4).map("\n".join)
long = st.lists(st.text(CHARACTERS, min_size=1, max_size=400).map(str.strip).filter(bool), min_size=1, max_size=6)
target = st.sampled_from(["≥100家", "≥3场次", "≤5万元", "=100%", "不少于12种", "95%以上", "良好", "2024年12月底前"])
actual = st.sampled_from(
    ["105家", "99", "4场次", "4.5万元", "100%", "超200家", "“全部达成预期指标”、完成比例95%", "约3"]
)


@st.composite
def forms(draw: st.DrawFn, layout: Layout) -> Form:
    """A filled form with any number of rows per kind, in the order of the pack."""
    pack = layout.pack
    measured = [(g, k.name) for g in pack.groups if g.scoring == "measured" for k in g.kinds]
    fixed = [(g, k.name, i) for g in pack.groups for k in g.kinds for i in k.indicators]
    columns = [key.removeprefix("indicator.") for key in layout.columns]
    fields, year = {}, pack.year
    for path, slot in layout.places.items():
        if path.startswith(("narrative.", *COMPUTED)):
            continue
        if path == "year":
            year = draw(st.integers(2020, 2029))
            fields[path] = Cell(text=str(year))
        elif path.startswith("funds."):
            amount = draw(st.none() | st.decimals(0, 10**7, places=2))
            text = "" if amount is None else format(amount.normalize(), "f")
            fields[path] = Cell(text=text, number=Decimal(text) if text else None)
        else:
            text = draw(st.just("") | (line if slot.text or slot.suffix else lines))
            # A closing bracket at the end belongs to the fixed words around the place.
            fields[path] = Cell(text=text.rstrip(")\uff09") if slot.suffix else text)
    indicators = []
    for group, kind, printed in fixed:
        score = draw(st.sampled_from(["12", "8", "5.5"]))
        indicators.append(_indicator(group, kind, {"name": printed.name}, score, year))
    counts = draw(st.lists(st.integers(0, 3), min_size=len(measured), max_size=len(measured)))
    for (group, kind), count in zip(measured, counts, strict=True):
        for number in range(count):
            texts = {
                "name": f"{draw(line)}指标乙{number}",
                "relation": draw(st.sampled_from(["≥", "≤", "=", "定性", ""])),
                "target": draw(target),
                "unit": draw(st.sampled_from(["家", "%", "万元", "/", ""])),
                "actual": draw(actual),
                "shortfall_reason": draw(st.just("/") | lines),
                "evidence": draw(st.just("") | lines),
            }
            texts["name"] = " ".join(texts["name"].split())
            texts = {key: text for key, text in texts.items() if key in columns}
            indicators.append(_indicator(group, kind, texts, "6", year))
    narrative = {key: Cell(text="\n".join(draw(st.just([]) | long))) for key in layout.sections}
    return Form(pack.id, layout.sheet, fields, tuple(indicators), narrative, year)


def _indicator(group: Group, kind: str, texts: dict[str, str], score: str, year: int | None) -> Indicator:
    cells = {key: Cell(text=text) for key, text in texts.items()}
    whole = together(cells)
    stated = {"score": Cell(text=score, number=Decimal(score))}
    if group.weights == "stated":
        stated["weight"] = Cell(text="7.5", number=Decimal("7.5"))
    return Indicator(
        row=0,
        group=group.name,
        level1=group.name,
        level2=kind,
        name=texts["name"],
        cells=cells | stated,
        target=quantity.parse(whole.target, year=year),
        actual=quantity.parse(whole.actual, year=year),
        stated_score=Decimal(score),
        stated_weight=stated["weight"].number if "weight" in stated else None,
    )


def said(form: Form) -> dict[str, object]:
    """Everything a person said in a form, without addresses."""
    return {
        "fields": {path: cell.text for path, cell in form.fields.items() if not path.startswith(COMPUTED)},
        "amounts": {
            path: form.amount(path)
            for path in form.fields
            if path.startswith("funds.") and not path.startswith(COMPUTED)
        },
        "rows": [(i.group, i.level2, i.target, i.actual, *(i.text(key) for key in KEYS)) for i in form.indicators],
        "narrative": {key: cell.text for key, cell in form.narrative.items()},
        "strays": [stray.cell.text for stray in form.strays],
    }


def written(form: Form, layout: Layout) -> bytes:
    evaluation, _ = evaluate(form, layout.pack)
    return form_workbook(layout, form, evaluation, {key: cell.text for key, cell in form.narrative.items()})


def first_difference(one: bytes, other: bytes) -> tuple[str, str, str] | None:
    """The first part in which two packages differ, with what is around the place; None when the bytes are equal."""
    if one == other:
        return None
    left, right = (zipfile.ZipFile(io.BytesIO(data)) for data in (one, other))
    for name in left.namelist():
        a, b = left.read(name), right.read(name)
        if a != b:
            at = next((n for n, pair in enumerate(zip(a, b, strict=False)) if pair[0] != pair[1]), min(len(a), len(b)))
            around = slice(max(at - 120, 0), at + 80)
            return name, a[around].decode("utf-8", "replace"), b[around].decode("utf-8", "replace")
    return "", "", "the archive itself"


@pytest.mark.parametrize("pack_id", available())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_what_is_written_is_read_again(pack_id: str, data: st.DataObject) -> None:
    layout = layout_of(load_pack(pack_id))
    form = data.draw(forms(layout))
    again, _ = read_form(open_book(written(form, layout)).sheets[0], layout)
    before, after = said(form), said(again)
    # Named one by one: pytest takes minutes to explain how two large forms differ.
    assert [key for key in before if before[key] != after[key]] == []


@pytest.mark.parametrize("pack_id", available())
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_writing_what_was_read_gives_the_same_bytes(pack_id: str, data: st.DataObject) -> None:
    layout = layout_of(load_pack(pack_id))
    first = written(data.draw(forms(layout)), layout)
    again, _ = read_form(open_book(first).sheets[0], layout)
    assert first_difference(written(again, layout), first) is None
