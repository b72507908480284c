"""The pages of a pack: every rule as a sentence, nothing an accountant could not check."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction

import pytest

from perfeval.numbers import shown
from perfeval.pack import Method, Pack, Setting, available, load_pack
from perfeval.pack.rules import KIND_METHODS, METHODS, REVIEW
from perfeval.packview import METHOD_WORDS, REVIEW_WORDS, SITUATION_WORDS, pack_lines
from perfeval.render import Look, columns


@pytest.fixture(scope="module")
def pack() -> Pack:
    return load_pack("jiangmen-2024")


def test_every_word_of_the_rules_has_its_sentence() -> None:
    assert set(SITUATION_WORDS) == set(METHODS)
    assert set(METHOD_WORDS) == {name for names in METHODS.values() for name in names} | set(KIND_METHODS)
    assert set(REVIEW_WORDS) == set(REVIEW)


PARAMS: dict[str, dict[str, object]] = {
    "linear_excess": {"zero_from": Fraction(200)},
    "steps": {"of": "completion", "steps": ((Fraction(90), Fraction(100)), (Fraction(80), Fraction(80)))},
    "remind": {"from": Fraction(130)},
    "require_reason": {"from": Fraction(120)},
    "deduct": {"from": Fraction(130), "share": Fraction(20)},
    "cut": {"from": Fraction(130)},
}


@pytest.mark.parametrize(("situation", "name"), [(key, name) for key, names in METHODS.items() for name in names])
def test_every_method_reads_as_a_sentence_with_its_numbers(pack: Pack, situation: str, name: str) -> None:
    method = Method(name, "form", PARAMS.get(name, {}))
    changed = replace(pack, scoring=replace(pack.scoring, methods={situation: method}))
    (line,) = [line for line in pack_lines(changed) if line.startswith(f"  - {SITUATION_WORDS[situation]}:")]
    assert not re.search(r"[{}]|Fraction|Method|[a-z_]{3,}", line)
    for value in PARAMS.get(name, {}).values():
        if isinstance(value, Fraction):
            assert str(value) in line
    if name == "steps":
        assert "达到 90% 得权重的 100%" in line


def test_our_own_readings_are_apart_and_carry_no_mark(pack: Pack) -> None:
    page = "\n".join(pack_lines(pack))
    stated, ours = page.split("由本工具选定的读法")
    for name, setting in pack.review.items():
        sentence = REVIEW_WORDS[name].format(shown(setting.value))
        assert (sentence in ours) == (setting.source == "house"), name
        assert (sentence in stated) == (setting.source != "house"), name
    assert "〔1〕" in stated


def test_a_source_is_a_number_that_the_list_at_the_end_explains(pack: Pack) -> None:
    moved = replace(pack, review={"outrun": Setting(Fraction(5), "review")})
    page = "\n".join(pack_lines(moved))
    (mark,) = re.findall(r"得分率高出执行率 5% 以上时提醒(〔\d〕)", page)
    assert f"- {mark}{pack.sources['review'].title}({pack.sources['review'].checked_on})" in page


@pytest.mark.parametrize("pack_id", available())
def test_pages_of_every_pack_are_two_and_name_all_points(pack_id: str) -> None:
    pack = load_pack(pack_id)
    lines = pack_lines(pack, Look(width=78))
    assert len(lines) < 120
    assert all(columns(line) <= 78 for line in lines)
    page = "".join(line.strip() for line in lines)
    assert not re.search(r"[{}]|Fraction|None", page)
    for group in pack.groups:
        assert (f"{group.name} {shown(group.points)} 分" if group.points_with is None else "合用分值") in page
        assert all(kind.name in page for kind in group.kinds)


def test_pages_fit_the_window(pack: Pack) -> None:
    assert all(columns(line) <= 78 for line in pack_lines(pack, Look(width=78)))
    assert len(pack_lines(pack, Look(width=78))) < 120  # two pages
