"""The grammar of cells, against readings written by hand, and its laws."""

from __future__ import annotations

import datetime as dt
import string
import time
import tomllib
import unicodedata
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfeval import quantity
from perfeval.model import Kind, Quantity

YEAR = 2024
CASES = tomllib.loads((Path(__file__).parent / "cases" / "quantity.toml").read_text(encoding="utf-8"))


def table(*names: str) -> list[object]:
    """Parameters of the tables `names`, each case named by its text."""
    rows = [row if isinstance(row, list) else [row] for name in names for row in CASES[name]]
    return [pytest.param(*row, id=row[0] or "(blank)") for row in rows]


def reading(text: str, year: int | None = YEAR) -> Quantity:
    """What `text` says, without the text itself."""
    return replace(quantity.parse(text, year=year), text="")


def number(kind: Kind, relation: str, value: str, unit: str, **more: object) -> Quantity:
    return replace(Quantity("", kind, relation or None, Decimal(value), unit=unit or None), **more)


@pytest.mark.parametrize(("text", "relation", "value", "unit"), table("numbers"))
def test_number(text: str, relation: str, value: str, unit: str) -> None:
    assert reading(text) == number(Kind.NUMBER, relation, value, unit)


@pytest.mark.parametrize(("text", "relation", "value", "unit"), table("percents"))
def test_percent(text: str, relation: str, value: str, unit: str) -> None:
    assert reading(text) == number(Kind.PERCENT, relation, value, unit)


@pytest.mark.parametrize(("text", "relation", "value", "unit"), table("approximate"))
def test_approximate(text: str, relation: str, value: str, unit: str) -> None:
    kind = Kind.PERCENT if unit == "%" else Kind.NUMBER
    assert reading(text) == number(kind, relation, value, unit, approximate=True)
    assert not reading(text).definite


@pytest.mark.parametrize(("text", "value", "unit", "note"), table("noted"))
def test_noted(text: str, value: str, unit: str, note: str) -> None:
    kind = Kind.PERCENT if unit == "%" else Kind.NUMBER
    assert reading(text) == number(kind, "", value, unit, note=note)


@pytest.mark.parametrize(("text", "low", "high", "unit"), table("ranges"))
def test_range(text: str, low: str, high: str, unit: str) -> None:
    kind = Kind.PERCENT if unit == "%" else Kind.NUMBER
    assert reading(text) == number(kind, "between", low, unit, upper=Decimal(high))


@pytest.mark.parametrize(("text", "relation", "date"), table("dates"))
def test_date(text: str, relation: str, date: str) -> None:
    assert reading(text) == Quantity("", Kind.DATE, relation or None, date=dt.date.fromisoformat(date))


@pytest.mark.parametrize(("text", "since", "date"), table("periods"))
def test_period(text: str, since: str, date: str) -> None:
    expected = Quantity("", Kind.DATE, "between", date=dt.date.fromisoformat(date), since=dt.date.fromisoformat(since))
    assert reading(text) == expected


@pytest.mark.parametrize(("text", "grade", "ratio"), table("grades"))
def test_grade(text: str, grade: str, ratio: str) -> None:
    assert reading(text) == Quantity("", Kind.GRADE, value=Decimal(ratio) if ratio else None, grade=grade or None)


@pytest.mark.parametrize(("text", "relation", "grade"), table("grade_bounds"))
def test_grade_bound(text: str, relation: str, grade: str) -> None:
    assert reading(text) == Quantity("", Kind.GRADE, relation, grade=grade)


@pytest.mark.parametrize("text", table("none"))
def test_none(text: str) -> None:
    assert reading(text) == Quantity("", Kind.NONE)


@pytest.mark.parametrize(("text", "why"), table("refused"))
def test_refused(text: str, why: str) -> None:
    assert reading(text) == Quantity("", Kind.TEXT), why


@pytest.mark.parametrize("text", table("needs_year"))
def test_date_without_a_year_is_none(text: str) -> None:
    assert reading(text, None) == Quantity("", Kind.TEXT)
    assert reading(text).kind is Kind.DATE


@pytest.mark.parametrize("text", [row[0] for row in CASES["refused"] if row[1] == "样例文字"])
def test_placeholder(text: str) -> None:
    assert quantity.is_placeholder(text)


@pytest.mark.parametrize("text", table("not_placeholders"))
def test_no_placeholder(text: str) -> None:
    assert not quantity.is_placeholder(text)


@pytest.mark.parametrize(("name", "relation", "unit"), table("names"))
def test_name_hint(name: str, relation: str, unit: str) -> None:
    assert quantity.name_hint(name) == quantity.NameHint(relation or None, unit or None)


@pytest.mark.parametrize(("unit", "factor", "other"), table("conversions"))
def test_convertible(unit: str, factor: str, other: str) -> None:
    expected = None if factor == "不能" else Fraction(factor)
    assert quantity.convertible(unit or None, other or None) == expected
    back = None if expected is None else 1 / expected
    assert quantity.convertible(other or None, unit or None) == back


@pytest.mark.parametrize(("text", "unit", "expected"), table("adopted"))
def test_adopt(text: str, unit: str, expected: str) -> None:
    adopted = quantity.adopt(quantity.parse(text), unit or None)
    if not expected:
        assert adopted is None
    else:
        assert adopted is not None
        assert replace(adopted, text="") == reading(expected)


@pytest.mark.parametrize("text", ["无", "没有", "未发生", "零事故", "全年无重大安全事故发生", "零", "0起"])
def test_none_of_it_counts_as_zero(text: str) -> None:
    count = quantity.as_count(quantity.parse(text))
    assert count is not None
    assert (count.value, count.definite, count.text) == (0, True, text)


@pytest.mark.parametrize(
    "text", ["良好", "未完成", "全部达成预期指标、完成比例0%", "", "/", "无要求", "无障碍", "98%", "2024年"]
)
def test_what_is_no_count(text: str) -> None:
    assert quantity.as_count(quantity.parse(text)) is None


@pytest.mark.parametrize("case", [pytest.param(case, id=case["text"][:20]) for case in CASES["texts"]])
def test_numbers_in_running_text(case: dict[str, object]) -> None:
    text = str(case["text"])
    mentions = quantity.numbers_in(text, year=YEAR)
    found = []
    for mention in mentions:
        said = mention.quantity
        stated = str(said.value.normalize().__format__("f")) if said.value is not None else str(said.date)
        relation = "~" if said.approximate else said.relation or ""
        found.append([text[mention.start : mention.end], relation, stated, said.unit or ""])
    assert found == case["found"]


def test_the_table_is_long_enough() -> None:
    readings = [
        *(
            "numbers",
            "percents",
            "approximate",
            "noted",
            "ranges",
            "dates",
            "periods",
            "grades",
            "grade_bounds",
            "none",
        ),
        "refused",
    ]
    texts = [row if isinstance(row, str) else row[0] for name in readings for row in CASES[name]]
    assert len(texts) == len(set(texts)) >= 300


# ---- laws ----

ALL_TEXTS = [row if isinstance(row, str) else row[0] for name, rows in CASES.items() if name != "texts" for row in rows]
ALPHABET = (
    "0123456789０１２３.,，、%％‰≥≤<>=＞《》~-—－一二三四五六七八九十百千万亿零半余约超不少于低过以上下内含个家元亩人天月年季度底前日"
    '成每/()（）|"“”: \n\u3000完成比例达预期指标良好无未发生'
)
written = st.one_of(
    st.sampled_from(ALL_TEXTS),
    st.text(ALPHABET, max_size=16),
    st.text(max_size=30),
    st.builds("{}{}".format, st.sampled_from(ALL_TEXTS), st.text(ALPHABET, max_size=4)),
    st.builds("{}{}".format, st.text(ALPHABET, max_size=4), st.sampled_from(ALL_TEXTS)),
)
years = st.sampled_from([None, 2023, 2024])


@given(written, years)
def test_any_text_has_a_reading(text: str, year: int | None) -> None:
    found = quantity.parse(text, year=year)
    assert found.text == text
    present = {
        name
        for name in ("value", "upper", "unit", "date", "since", "grade", "note")
        if getattr(found, name) is not None
    }
    allowed = {
        Kind.NUMBER: {"value", "upper", "unit", "note"},
        Kind.PERCENT: {"value", "upper", "unit", "note"},
        Kind.DATE: {"date", "since"},
        Kind.GRADE: {"value", "grade"},
        Kind.TEXT: set(),
        Kind.NONE: set(),
    }[found.kind]
    assert present <= allowed
    assert (found.kind in (Kind.NUMBER, Kind.PERCENT)) <= (found.value is not None)
    assert (found.relation == "between") == (found.upper is not None or found.since is not None)


@given(written, years)
def test_the_other_questions_are_answered_for_any_text(text: str, year: int | None) -> None:
    found = quantity.parse(text, year=year)
    hint = quantity.name_hint(text)
    assert hint.relation in (None, ">=", "<=", ">", "<", "=")
    count = quantity.as_count(found)
    assert count is None or (count.kind is Kind.NUMBER and count.value is not None)
    for unit in (None, "万元", "%", hint.unit, found.unit):
        adopted = quantity.adopt(found, unit)
        assert adopted is None or (adopted.value, adopted.relation) == (found.value, found.relation)
        factor = quantity.convertible(unit, found.unit)
        assert factor is None or factor > 0


@given(written, years)
def test_nothing_silently_becomes_zero(text: str, year: int | None) -> None:
    found = quantity.parse(text, year=year)
    if found.value == 0:
        assert set(text) & set("0０零〇○")


RELATIONS = {
    "": None,
    "≥": ">=",
    "不少于": ">=",
    "≤": "<=",
    "不超过": "<=",
    "超过": ">",
    "＞": ">",
    "小于": "<",
    "＝": "=",
}
UNITS = ["", "家", "场次", "元", "万元", "亿元", "万亩", "元/人·天", "台套", "平方米", "人次", "棵树苗"]


@given(
    st.sampled_from(sorted(RELATIONS)),
    st.decimals(min_value=0, max_value=1999, places=3, allow_nan=False),
    st.booleans(),
    st.sampled_from([*UNITS, "%", "‰"]),
    st.sampled_from(["", "(", "，", "。"]),
)
def test_parts_are_read_as_put_together(relation: str, value: Decimal, grouped: bool, unit: str, end: str) -> None:
    if unit in ("家", "场次", "台套"):  # these come whole
        value = value.to_integral_value()
    text = f"{relation}{value:,f}{unit}" if grouped else f"{relation}{value:f}{unit}"
    found = reading(f"({text})" if end == "(" else text + end)
    assert found == number(
        Kind.PERCENT if unit in ("%", "‰") else Kind.NUMBER, RELATIONS[relation] or "", str(value), unit
    )


def spoken(number: int) -> str:
    """A positive integer as it is said: 10500 is 一万零五百."""
    for value, name in ((10**8, "亿"), (10**4, "万"), (1000, "千"), (100, "百"), (10, "十")):
        head, tail = divmod(number, value)
        if head:
            rest = ("零" if tail < value // 10 else "") + spoken(tail) if tail else ""
            return spoken(head) + name + rest
    return "零一二三四五六七八九"[number]


@given(st.integers(1, 10**12), st.sampled_from(["元", "人", "亩"]), st.booleans())
def test_spoken_numbers(value: int, unit: str, formal: bool) -> None:
    text = spoken(value).removeprefix("一") if spoken(value).startswith("一十") else spoken(value)
    if formal:
        text = text.translate(str.maketrans("一二三四五六七八九十百千", "壹贰叁肆伍陆柒捌玖拾佰仟"))
    found = reading(text + unit)
    factor = quantity.convertible(found.unit, unit)
    assert found.value is not None and factor is not None
    assert Fraction(found.value) * factor == value


@given(written, years)
def test_formatting_reads_back(text: str, year: int | None) -> None:
    found = quantity.parse(text, year=year)
    again = quantity.parse(quantity.format(found), year=year)
    assert replace(again, text="") == replace(found, text="")


@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(ALL_TEXTS), max_size=6).map("与".join)), years)
def test_mentions_lie_in_order_where_they_say(text: str, year: int | None) -> None:
    position = 0
    for mention in quantity.numbers_in(text, year=year):
        assert position <= mention.start < mention.end <= len(text)
        assert text[mention.start : mention.end] == mention.quantity.text
        assert reading(mention.quantity.text, year) == replace(mention.quantity, text="")
        position = mention.end


SENTENCES = [
    "≥100家",
    "不少于 12 种",
    "12种以上(含)",
    "超2000亿元",
    "100余家",
    "１２０个",
    "2亿3千万元",
    "400元/人、天",
    "80%-90%",
]


@pytest.mark.parametrize("text", SENTENCES)
def test_a_cell_and_its_mention_agree(text: str) -> None:
    """What stands in a cell reads the same inside a sentence."""
    mentions = quantity.numbers_in(f"本年:{text}。", year=YEAR)
    assert [replace(mention.quantity, text="") for mention in mentions] == [reading(text)]


WIDE = {ord(letter): chr(ord(letter) + 0xFEE0) for letter in string.digits + "%<>=()/-:;,."}


def mutations(text: str) -> st.SearchStrategy[str]:
    """`text` with its blanks, digit width and line breaks changed; never inside a number."""
    joints = [
        place
        for place in range(len(text) + 1)
        if not (
            set(text[max(place - 1, 0) : place + 1]) & set(string.digits + ".,，．０１２３４５６７８９")
            and 0 < place < len(text)
            and _numeric(text[place - 1])
            and _numeric(text[place])
        )
    ]

    def apply(blanks: dict[int, str], wide: bool) -> str:
        mutated = "".join(blanks.get(place, "") + text[place : place + 1] for place in range(len(text) + 1))
        return mutated.translate(WIDE) if wide else mutated

    blanks = st.dictionaries(
        st.sampled_from(joints), st.sampled_from([" ", "\n", "\r\n", "\u3000", "\u00a0", "\t", "\u200b"])
    )
    return st.builds(apply, blanks, st.booleans())


def _numeric(letter: str) -> bool:
    return unicodedata.normalize("NFKC", letter) in string.digits + ".,"


@given(st.data(), st.sampled_from([text for text in ALL_TEXTS if len(text) < 40]))
def test_blanks_width_and_line_breaks_mean_nothing(data: st.DataObject, text: str) -> None:
    mutated = data.draw(mutations(text))
    assert reading(mutated) == reading(text)


@given(written)
def test_a_year_only_adds_dates(text: str) -> None:
    """Knowing the year never changes a number."""
    without, with_year = reading(text, None), reading(text)
    assert without == with_year or with_year.kind is Kind.DATE


def test_long_prose_is_text() -> None:
    assert reading("推动产业发展" * 1000) == Quantity("", Kind.TEXT)
    assert reading("9" * 100) == Quantity("", Kind.TEXT)


@pytest.mark.parametrize(
    "piece",
    ["9", ".", "9.", "1,", ">=", ":(", "((", "一", "万", "约", "内", "以上", "无", "至9", "每", "年1", "XX", "家/"],
)
def test_no_text_takes_long(piece: str) -> None:
    """Patterns must not backtrack without end, even on the longest texts that are read at all."""
    texts = [(piece * 120)[: 119 - len(end)] + end for end in ("", "x", "(", "%", "家", "年")]
    started = time.perf_counter()
    for text in texts:
        quantity.parse(text, year=YEAR)
        quantity.is_placeholder(text)
        quantity.name_hint(text)
    assert time.perf_counter() - started < 0.5
