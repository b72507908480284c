"""The calculator: the real form, the accountant's cases, groups and totals, and the laws of exact arithmetic."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from perfeval.calculator import evaluate
from perfeval.calculator.methods import MEASURED, OVER
from perfeval.findings import Severity, worst
from perfeval.model import Basis, CellProblem, Evaluation, Form, Kind, Quantity, RowResult
from perfeval.numbers import shown
from perfeval.pack import Pack, load_pack
from perfeval.pack.rules import KIND_METHODS, METHODS
from tests.support.arithmetic import calculate
from tests.support.forms import COLUMNS, form_of, indicator_of, places, real_form
from tests.support.office import recalculate, requires_office
from tests.support.packs import pack_like

CASES = Path(__file__).parent / "cases" / "scoring"


@pytest.fixture(scope="module")
def pack() -> Pack:
    return load_pack("jiangmen-2024")


def shown_scores(evaluation: Evaluation) -> list[str]:
    return ["无" if row.score is None else shown(row.score) for row in evaluation.rows]


# ---- the real form

# domain.md 1.3: weight, exact score, what is printed.
REAL = [
    ("论证决策规范性", "12", "12", "12"),
    ("监管有效性", "8", "8", "8"),
    ("考察拜访企业/机构数量(家)", "40/6", "40/6", "6.67"),
    ("招商推介活动场次(场次)", "40/6", "40/6", "6.67"),
    ("市场化招商提供的投资线索单项投资额(亿元)", "40/6", "40/6", "6.67"),
    ("市场化招商提供10亿元以上有效优质项目线索数(个)", "40/6", "40/6", "6.67"),
    ("全市项目评审数量(个)", "40/6", "151/170*40/6", "5.92"),
    ("招商活动的嘉宾为总经理以上级别的人数(人)", "40/6", "40/6", "6.67"),
    ("全市引进项目投资额(亿元)", "8", "8", "8"),
    ("全市投资10亿元以上项目数(个)", "8", "38/40*8", "7.6"),
    ("招商人员年度新接洽投资线索数量(条)", "8", "8", "8"),
    ("长三角区域驻点招商网络维持情况", "8", "8", "8"),
    ("企业服务满意度(%)", "8", "8", "8"),
]


def test_the_real_form_row_by_row(pack: Pack) -> None:
    evaluation, findings = evaluate(real_form(pack), pack)
    got = [(row.indicator.name, row.weight, row.score, shown(row.score or Fraction(0))) for row in evaluation.rows]
    assert got == [(name, calculate(weight), calculate(score), text) for name, weight, score, text in REAL]
    assert places(findings) == [("VAL003", "H21")]
    assert worst(findings) is Severity.WARNING


def test_the_real_total_is_98_85_although_the_eye_adds_up_to_98_87(pack: Pack) -> None:
    evaluation, _ = evaluate(real_form(pack), pack)
    assert evaluation.total is not None
    assert evaluation.total.exact == 20 + 5 * Fraction(40, 6) + Fraction(151, 170) * Fraction(40, 6) + 39 + Fraction(
        3, 5
    )
    assert round(float(evaluation.total.exact), 6) == 98.854902
    assert evaluation.total.shown == Decimal("98.85")
    (note,) = evaluation.notes
    assert "98.87" in note
    assert "98.85" in note
    assert "\n" not in note
    assert [(group.name, shown(group.score or Fraction(0))) for group in evaluation.groups] == [
        ("过程", "20"),
        ("产出", "39.25"),
        ("效益", "39.6"),
    ]


def test_the_real_form_meets_nine_of_eleven(pack: Pack) -> None:
    evaluation, _ = evaluate(real_form(pack), pack)
    assert [row.met for row in evaluation.rows if row.indicator.group != "过程"].count(True) == 9
    missed = [row.indicator.name for row in evaluation.rows if row.met is False]
    assert missed == ["全市项目评审数量(个)", "全市投资10亿元以上项目数(个)"]


def test_formulas_of_the_real_form_show_the_derivation(pack: Pack) -> None:
    evaluation, _ = evaluate(real_form(pack), pack)
    formulas = {row.indicator.name: (row.weight_formula, row.score_formula) for row in evaluation.rows}
    assert formulas["论证决策规范性"] == ("12", None)
    assert formulas["全市项目评审数量(个)"] == ("40/6", "MIN(1,151/170)*{weight}")
    assert formulas["全市引进项目投资额(亿元)"] == ("40/5", "{weight}")
    assert formulas["长三角区域驻点招商网络维持情况"] == ("40/5", "MIN(1,100%)*{weight}")
    assert formulas["企业服务满意度(%)"] == ("40/5", "MIN(1,100%/85%)*{weight}")


def test_every_step_names_its_document(pack: Pack) -> None:
    evaluation, _ = evaluate(real_form(pack), pack)
    row = evaluation.rows[6]
    assert [(step.rule, step.formula) for step in row.steps] == [
        ("权重", "40 ÷ 6 = 6.666666…"),
        ("完成比例", "151 ÷ 170 = 0.888235…"),
        ("得分", "151 ÷ 170 × 40/6 = 5.921568… → 5.92(四舍五入,保留2位)"),
    ]
    assert {step.source for step in row.steps} == {"2024年度项目绩效自评指标评分表"}
    assert {step.source for step in evaluation.rows[0].steps} == {
        "由已填报的表格推得",
        "2024年度项目绩效自评指标评分表",
    }


# ---- the accountant's cases


def cases() -> Iterator[Any]:
    for path in sorted(CASES.glob("*.toml")):
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        for case in table["case"]:
            yield pytest.param(path.stem, table.get("rules", ""), case, id=f"{path.stem}: {case['name']}")


def case_form(pack: Pack, case: dict[str, object]) -> Form:
    kind = str(case.get("kind", "数量指标"))
    group = next(group for group in pack.groups if any(each.name == kind for each in group.kinds))
    texts = {
        "name": case.get("indicator", "某项指标"),
        "target": case["target"],
        "actual": case["actual"],
        "score": case.get("stated", ""),
        "shortfall_reason": case.get("reason", "/"),
    }
    row = indicator_of(pack, level1=group.name, level2=kind, **{key: str(text) for key, text in texts.items()})
    count = int(str(case.get("rows", 5)))
    others = [
        indicator_of(
            pack, row=row.row + n, level1=group.name, level2=kind, name=f"其他{n}", target="≥1个", actual="1个"
        )
        for n in range(1, count)
    ]
    return replace(form_of(pack), indicators=(row, *others))


@pytest.mark.parametrize(("name", "rules", "case"), list(cases()))
def test_case(name: str, rules: str, case: dict[str, object], pack: Pack, tmp_path: Path) -> None:
    used = pack_like(tmp_path / name, rules) if rules else pack
    evaluation, findings = evaluate(case_form(used, case), used)
    row = evaluation.rows[0]
    expected = [
        (code, COLUMNS[column][1] + "13") for code, column in (str(f).split() for f in case.get("findings", []))
    ]
    assert places(tuple(finding for finding in findings if finding.cell.endswith("13"))) == expected
    if case["score"] == "无":
        assert row.score is None
        assert evaluation.total is None
        assert worst(findings) is Severity.ERROR
        return
    assert row.score is not None
    assert (shown(row.score), row.score) == (case["score"], calculate(str(case["arithmetic"])))
    if "met" in case:
        assert row.met is case["met"]
    if row.score_formula is not None:
        assert calculate(row.score_formula.format(weight=f"({row.weight_formula})")) == row.score
    for finding in findings:
        assert "{" not in finding.message + finding.fix


@requires_office
def test_libreoffice_calculates_the_same_scores(pack: Pack, tmp_path: Path) -> None:
    """Every formula of every case, calculated by a program that knows nothing of ours."""
    book = Workbook()
    sheet = book.active
    expected = []
    for number, param in enumerate(cases()):
        name, rules, case = param.values
        used = pack_like(tmp_path / str(number) / name, rules) if rules else pack
        row = evaluate(case_form(used, case), used)[0].rows[0]
        if row.score_formula is None or row.score is None:
            continue
        expected.append((case["name"], float(row.score)))
        place = len(expected)
        sheet[f"A{place}"] = f"={row.weight_formula}"
        sheet[f"B{place}"] = "=" + row.score_formula.format(weight=f"A{place}")
    path = tmp_path / "scores.xlsx"
    book.save(path)
    (tmp_path / "out").mkdir()
    calculated = load_workbook(recalculate(path, tmp_path / "out"), data_only=True).active
    got = [(name, calculated[f"B{place}"].value) for place, (name, _) in enumerate(expected, 1)]
    assert len(got) > 70
    assert got == [(name, pytest.approx(score, abs=1e-12)) for name, score in expected]


def test_every_method_of_the_vocabulary_has_a_function_and_a_case() -> None:
    named = {method for situation, methods in METHODS.items() if situation != "over" for method in methods}
    assert named | set(KIND_METHODS) == set(MEASURED) | {"stated", "bands"}
    assert set(METHODS["over"]) == set(OVER)
    rules = "".join(path.read_text(encoding="utf-8") for path in CASES.glob("*.toml"))
    default = (load_pack("jiangmen-2024").folder / "rules.toml").read_text(encoding="utf-8")
    for method in (*named, *METHODS["over"]):
        assert f'"{method}"' in rules + default


# ---- stated scores


@pytest.mark.parametrize(
    ("stated", "score", "codes"),
    [
        ("12", "12", []),
        ("11.5", "11.5", []),
        ("0", "0", []),
        ("13", "12", [("SCR002", "I13")]),
        ("-1", "0", [("SCR003", "I13")]),
        ("", "无", [("SCR009", "I13")]),
        ("满分", "无", [("SCR009", "I13")]),
    ],
)
def test_a_stated_score_is_kept_within_the_weight(pack: Pack, stated: str, score: str, codes: list[object]) -> None:
    form = real_form(pack, {"| 12 |": f"| {stated} |"})
    evaluation, findings = evaluate(form, pack)
    assert shown_scores(evaluation)[0] == score
    assert [place for place in places(findings) if place[1] != "H21"] == codes
    assert evaluation.rows[0].basis is (Basis.STATED if score != "无" else None)
    assert (evaluation.total is None) == (score == "无")


def test_the_printed_rounding_of_a_weight_is_full_marks_not_too_much(pack: Pack) -> None:
    form = real_form(pack, {"| 151个 | |": "| 完成较好 | 6.67 |"})
    evaluation, findings = evaluate(form, pack)
    assert evaluation.rows[6].score == Fraction(40, 6)
    assert evaluation.rows[6].basis is Basis.UNVERIFIED
    assert evaluation.rows[6].steps[-1].source == pack.source_title("house") == "本工具的读法"
    assert evaluation.rows[6].met is None
    assert ("SCR002", "I19") not in places(findings)


def test_a_broken_cell_is_named_once_by_the_reader_and_has_no_second_finding_here(pack: Pack) -> None:
    form = real_form(pack, {"| 151个 | |": "| | 6 |"})
    broken = form.indicators[6]
    cells = {**broken.cells, "actual": replace(broken.cell("actual"), problem=CellProblem.UNCACHED)}
    rows = list(form.indicators)
    rows[6] = replace(broken, cells=cells, actual=Quantity("", Kind.TEXT))
    evaluation, findings = evaluate(replace(form, indicators=tuple(rows)), pack)
    assert evaluation.rows[6].basis is Basis.UNVERIFIED
    assert places(findings) == [("VAL003", "H21")]


# ---- weights


def test_a_group_without_rows_has_no_score_and_so_has_the_total(pack: Pack) -> None:
    form = form_of(pack, "| 一级 | 二级 | 三级 | 预期值 | 实现值 |\n| 产出 | 数量指标 | 甲 | ≥1个 | 1个 |")
    evaluation, findings = evaluate(form, pack)
    assert [group.score for group in evaluation.groups] == [None, 40, None]
    assert evaluation.total is None
    assert [finding.params["name"] for finding in findings] == ["论证决策规范性", "监管有效性"]
    assert evaluate(form_of(pack), pack)[1] == ()  # an empty form is named by the reader


def test_a_missing_printed_row_is_named(pack: Pack) -> None:
    form = real_form(pack)
    evaluation, findings = evaluate(replace(form, indicators=form.indicators[1:]), pack)
    assert ("WGT003", "") in places(findings)
    assert "论证决策规范性" in findings[0].message
    assert evaluation.total is None


def test_a_renamed_printed_row_is_recognised_by_its_kind(pack: Pack) -> None:
    evaluation, findings = evaluate(real_form(pack, {"监管有效性": "监督管理的有效性"}), pack)
    assert evaluation.rows[1].weight == 8
    assert places(findings) == [("VAL003", "H21")]


def test_a_row_too_many_among_printed_ones_has_no_weight(pack: Pack) -> None:
    form = real_form(
        pack, {"| 12 | / | 佐证1:会议纪要 |": "| 12 | / | 佐证1:会议纪要 |\n| | | 组织保障 | | | 5 | / | |"}
    )
    evaluation, findings = evaluate(form, pack)
    assert places(findings) == [("WGT004", "E14"), ("VAL003", "H22")]
    assert evaluation.rows[1].weight is None
    assert evaluation.total is None


STATED = """
[[groups]]
name = "过程"
[[groups]]
name = "产出"
weights = "stated"
weights_text = ""
source = "house"
[[groups]]
name = "效益"
"""


@pytest.mark.parametrize(
    ("weights", "codes", "total"),
    [
        (("15", "25"), [], "96"),
        (("15", "24"), [("WGT005", "F16")], "95"),
        (("15", ""), [("WGT001", "F16")], None),
        (("40", "0"), [("WGT002", "F16")], None),
    ],
)
def test_stated_weights(tmp_path: Path, weights: tuple[str, str], codes: list[object], total: str | None) -> None:
    used = pack_like(tmp_path / "stated", STATED)
    form = form_of(
        used,
        f"""
        | 一级 | 二级     | 三级           | 预期值 | 实现值 | 权重         | 得分 |
        | 过程 | 立项管理 | 论证决策规范性 |        |        |              | 11   |
        |      | 事项管理 | 监管有效性     |        |        |              | 8    |
        | 产出 | 数量指标 | 甲             | ≥5个  | 4个    | {weights[0]} |      |
        |      | 质量指标 | 乙             | ≥9个  | 9个    | {weights[1]} |      |
        | 效益 | 满意度指标 | 丙           | ≥90% | 95%    |              |      |
        """,
    )
    evaluation, findings = evaluate(form, used)
    assert places(findings) == codes
    assert (str(evaluation.total.shown.normalize()) if evaluation.total else None) == total


def test_rounded_weights_give_the_remainder_to_the_first_rows(tmp_path: Path) -> None:
    rules = """
[[groups]]
name = "过程"
[[groups]]
name = "产出"
weights_digits = 2
source = "house"
[[groups]]
name = "效益"
"""
    used = pack_like(tmp_path / "digits", rules)
    evaluation, _ = evaluate(real_form(used), used)
    weights = [row.weight_formula for row in evaluation.rows if row.indicator.group == "产出"]
    assert weights == ["6.67", "6.67", "6.67", "6.67", "6.66", "6.66"]


def test_rows_that_do_not_apply_drop_out_where_the_pack_says_so(tmp_path: Path) -> None:
    rules = """
[not_applicable]
policy = "rescale"
words = ["不适用"]
source = "house"
"""
    used = pack_like(tmp_path / "rescale", rules)
    evaluation, findings = evaluate(real_form(used, {"| 151个 |": "| 不适用 |"}), used)
    outputs = [row for row in evaluation.rows if row.indicator.group == "产出"]
    assert [row.weight for row in outputs] == [8, 8, 8, 8, 0, 8]
    assert outputs[4].score == 0
    assert places(findings) == [("VAL003", "H21"), ("SCR008", "H19")]
    assert evaluation.total is not None
    assert evaluation.total.shown == Decimal("99.60")


def test_dropping_a_stated_weight_lets_the_others_make_up_the_total(tmp_path: Path) -> None:
    rules = '[not_applicable]\npolicy = "rescale"\nwords = ["不适用"]\nsource = "house"\n' + STATED
    used = pack_like(tmp_path / "rescale-stated", rules)
    form = form_of(
        used,
        """
        | 一级 | 二级     | 三级           | 预期值 | 实现值 | 权重 | 得分 |
        | 过程 | 立项管理 | 论证决策规范性 |        |        |      | 12   |
        |      | 事项管理 | 监管有效性     |        |        |      | 8    |
        | 产出 | 数量指标 | 甲             | ≥5个  | 4个    | 20   |      |
        |      | 质量指标 | 乙             | ≥9个  | 不适用 | 20   |      |
        | 效益 | 满意度指标 | 丙           | ≥90% | 95%    |      |      |
        """,
    )
    evaluation, _ = evaluate(form, used)
    # 20 points drop out of 100: the other weights grow by 100 ÷ 80, but a stated score stays what was typed.
    assert [row.weight for row in evaluation.rows] == [15, 10, 25, 0, 50]
    assert sum(group.weight for group in evaluation.groups) == 100
    assert [row.score for row in evaluation.rows] == [12, 8, 20, 0, 50]
    for row in evaluation.rows:
        assert calculate(row.weight_formula) == row.weight


# ---- funds, totals, grades

EXECUTION = """
total = 100
[[groups]]
name = "预算执行率"
points = 10
weights = "fixed"
scoring = "execution"
source = "form"
[groups.execution]
base = "funds.allocated"
nothing = "{nothing}"
source = "house"
[[groups]]
name = "产出"
points = 50
source = "form"
[[groups]]
name = "效益"
[[criteria]]
groups = ["产出", "效益"]
text = "按完成比例计分"
source = "form"
[[grades]]
name = "优"
from = 90
source = "form"
[[grades]]
name = "良"
from = 80
source = "form"
[[grades]]
name = "差"
from = 0
source = "form"
"""
EXECUTION_ROWS = """
| 一级 | 二级       | 三级 | 预期值 | 实现值 |
| 产出 | 数量指标   | 甲   | ≥5个  | 4个    |
| 效益 | 满意度指标 | 丙   | ≥90% | 95%    |
"""


@pytest.mark.parametrize(
    ("nothing", "allocated", "spent", "score", "total", "grade", "codes"),
    [
        ("full", "257.33", "213.92", "213.92/257.33*10", "88.31", "良", []),
        ("full", "200", "220", "10", "90", "优", []),
        ("full", "0", "0", "10", "90", "优", []),
        ("zero", "0", "0", "0", "80", "良", []),
        ("ask", "0", "0", None, None, None, [("SCR005", "B1")]),
        ("full", "0", "5", None, None, None, [("SCR005", "B1")]),
        ("full", "", "5", None, None, None, [("SCR005", "B1")]),
        ("full", "200", "见附件", None, None, None, [("SCR005", "B2")]),
    ],
)
def test_execution_rate(
    tmp_path: Path,
    nothing: str,
    allocated: str,
    spent: str,
    score: str | None,
    total: str | None,
    grade: str | None,
    codes: list[object],
) -> None:
    used = pack_like(tmp_path / "execution", EXECUTION.replace("{nothing}", nothing))
    fields = {"funds.allocated.own_level": allocated, "funds.spent.own_level": spent}
    evaluation, findings = evaluate(form_of(used, EXECUTION_ROWS, fields=fields), used)
    assert places(findings) == codes
    assert evaluation.funds_score is not None
    assert evaluation.funds_score.weight_formula == "10"
    assert evaluation.funds_score.score == (None if score is None else calculate(score))
    if evaluation.funds_score.score_formula and score is not None:
        assert calculate(evaluation.funds_score.score_formula.format(weight=10)) == calculate(score)
    if evaluation.total is None:
        assert total is None
    else:
        assert (shown(evaluation.total.exact), evaluation.total.grade) == (total, grade)


def test_own_level_and_transferred_money_are_added(tmp_path: Path) -> None:
    used = pack_like(tmp_path / "execution", EXECUTION.replace("{nothing}", "ask"))
    fields = {
        "funds.allocated.own_level": "150",
        "funds.allocated.transferred": "50",
        "funds.spent.own_level": "100",
        "funds.spent.transferred": "",
    }
    evaluation, _ = evaluate(form_of(used, EXECUTION_ROWS, fields=fields), used)
    assert evaluation.funds_score is not None
    assert evaluation.funds_score.score == 5


def test_the_grade_is_that_of_the_printed_total(tmp_path: Path) -> None:
    used = pack_like(tmp_path / "execution", EXECUTION.replace("{nothing}", "ask"))
    fields = {"funds.allocated.own_level": "100000", "funds.spent.own_level": "99999"}
    evaluation, _ = evaluate(form_of(used, EXECUTION_ROWS, fields=fields), used)
    assert evaluation.total is not None
    assert evaluation.total.exact < 90  # 89.9999, printed as 90
    assert (evaluation.total.shown, evaluation.total.grade) == (Decimal("90.00"), "优")


def test_total_of_rounded_rows_is_what_the_eye_adds_up(tmp_path: Path) -> None:
    rules = '[rounding]\ntotal = "rounded_rows"\ndigits = 2\nsource = "house"\n'
    used = pack_like(tmp_path / "rounded", rules)
    evaluation, _ = evaluate(real_form(used), used)
    assert evaluation.total is not None
    assert evaluation.total.shown == Decimal("98.87")
    assert evaluation.notes == ()
    assert evaluation.rows[6].score_formula == "ROUND(MIN(1,151/170)*{weight},2)"


# ---- laws

amounts = st.decimals(min_value=Decimal("0.01"), max_value=Decimal(100000), places=2)
signs = st.sampled_from(["≥", "≤", ">", "<", "=", "", "不少于", "不超过", "超", "约"])
units = st.sampled_from(["", "个", "%", "万元", "亿元", "亩", "万亩", "家"])
VARIANTS = {
    "reverse": '[scoring]\nat_most = { method = "linear_excess", source = "house" }\n',
    "floor": '[scoring]\nfloor = { value = 60, source = "house" }\n',
    "cut": '[scoring]\nover = { method = "cut", from = 130, source = "house" }\n',
    "rounded": '[rounding]\ntotal = "rounded_rows"\ndigits = 2\nsource = "house"\n',
}


@pytest.fixture(scope="module")
def variants(pack: Pack, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], list[Pack]]:
    """Behind a function, since hypothesis prints the arguments of a failed example in full."""
    folder = tmp_path_factory.mktemp("variants")
    packs = [pack, *(pack_like(folder / name, rules) for name, rules in VARIANTS.items())]

    def all_variants() -> list[Pack]:
        return packs

    return all_variants


def row_score(pack: Pack, target: str, actual: str, *, count: int = 1, stated: str = "") -> RowResult:
    case = {"target": target, "actual": actual, "rows": count, "stated": stated}
    evaluation, _ = evaluate(case_form(pack, dict(case)), pack)
    return evaluation.rows[0]


@given(
    target=st.tuples(signs, amounts, units),
    actual=st.tuples(signs, amounts, units),
    count=st.integers(1, 13),
    stated=st.one_of(st.none(), st.decimals(-5, 60, places=2)),
)
def test_every_score_lies_within_the_weight_and_its_formula_and_steps_yield_it(
    variants: Callable[[], list[Pack]],
    target: tuple[str, Decimal, str],
    actual: tuple[str, Decimal, str],
    count: int,
    stated: Decimal | None,
) -> None:
    for pack in variants():
        texts = ["".join(map(str, each)) for each in (target, actual)]
        row = row_score(pack, *texts, count=count, stated="" if stated is None else str(stated))
        assert row.weight == Fraction(40, count)
        if row.score is None:
            assert stated is None
            continue
        digits = (
            Fraction(1, 200) if pack.rounding.total == "rounded_rows" else 0
        )  # rounding may go above a weight of 40/6
        assert 0 <= row.score <= row.weight + digits
        if row.basis is not Basis.COMPUTED:
            assert row.score_formula is None
            continue
        assert row.score_formula is not None
        assert calculate(row.score_formula.format(weight=f"({row.weight_formula})")) == row.score
        last = row.steps[-1]
        replayed = calculate(last.formula.split(" = ")[0])
        assert last.value == row.score
        assert abs(replayed - row.score) <= digits
        for step in row.steps:
            if " = " in step.formula:
                assert abs(calculate(step.formula.split(" = ")[0]) - step.value) <= digits


@given(target=amounts, first=amounts, second=amounts, sign=st.sampled_from(["≥", "≤", ">", "<", "="]))
def test_better_never_scores_less(
    variants: Callable[[], list[Pack]], target: Decimal, first: Decimal, second: Decimal, sign: str
) -> None:
    worse, better = sorted((first, second), reverse=sign in "≤<")
    for pack in variants():
        if pack.scoring.methods["over"].name == "cut":
            continue  # there too much is meant to cost points
        low = row_score(pack, f"{sign}{target}亩", f"{worse}亩")
        high = row_score(pack, f"{sign}{target}亩", f"{better}亩")
        assert low.score is not None
        assert high.score is not None
        assert low.score <= high.score
        assert not (low.met and not high.met)


@given(target=amounts, actual=amounts, factor=st.integers(1, 1000), sign=st.sampled_from(["≥", "≤", ">", "<", "=", ""]))
def test_scaling_target_and_result_together_changes_nothing(
    variants: Callable[[], list[Pack]], target: Decimal, actual: Decimal, factor: int, sign: str
) -> None:
    for pack in variants():
        plain = row_score(pack, f"{sign}{target}亩", f"{actual}亩")
        scaled = row_score(pack, f"{sign}{target * factor}亩", f"{actual * factor}亩")
        assert (plain.score, plain.met, plain.completion) == (scaled.score, scaled.met, scaled.completion)


@given(target=amounts, actual=amounts)
def test_another_unit_for_the_same_amount_changes_nothing(pack: Pack, target: Decimal, actual: Decimal) -> None:
    plain = row_score(pack, f"≥{target}万元", f"{actual}万元")
    other = row_score(pack, f"≥{target}万元", f"{actual * 10000}元")
    assert plain.score == other.score


@given(count=st.integers(1, 40), digits=st.one_of(st.none(), st.integers(0, 4)))
def test_weights_of_a_group_add_up_to_its_points_exactly(pack: Pack, count: int, digits: int | None) -> None:
    groups = tuple(replace(group, weights_digits=digits if group.weights == "equal" else None) for group in pack.groups)
    used = replace(pack, groups=groups)
    evaluation, _ = evaluate(case_form(used, {"target": "≥1个", "actual": "1个", "rows": count}), used)
    weights = [row.weight for row in evaluation.rows if row.weight is not None]
    assert sum(weights) == 40
    assert weights == sorted(weights, reverse=True)
    assert max(weights) - min(weights) <= (Fraction(1, 10**digits) if digits is not None else 0)
    assert [calculate(row.weight_formula) for row in evaluation.rows] == weights


@given(order=st.permutations(range(13)))
def test_the_order_of_rows_does_not_matter(pack: Pack, order: list[int]) -> None:
    form = real_form(pack)
    plain, _ = evaluate(form, pack)
    mixed, findings = evaluate(replace(form, indicators=tuple(form.indicators[n] for n in order)), pack)
    assert mixed.total == plain.total
    assert mixed.groups == plain.groups
    assert {row.indicator.name: row.score for row in mixed.rows} == {r.indicator.name: r.score for r in plain.rows}
    assert places(findings) == [("VAL003", "H21")]


@given(target=st.text(max_size=30), actual=st.text(max_size=30), name=st.text(min_size=1, max_size=20))
def test_no_text_makes_a_number_out_of_nothing(pack: Pack, target: str, actual: str, name: str) -> None:
    row = indicator_of(pack, level1="产出", level2="数量指标", name=name, target=target, actual=actual)
    evaluation, findings = evaluate(replace(form_of(pack), indicators=(row,)), pack)
    result = evaluation.rows[0]
    assert (result.score is None) == (("SCR001", "I13") in places(findings))
    if result.score == 0 and result.basis is Basis.COMPUTED:
        assert row.actual.value is not None or row.actual.grade is not None or row.actual.date is not None
    assert all(finding.message and finding.fix for finding in findings)
