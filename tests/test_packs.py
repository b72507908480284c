"""Every pack as the people see it who use it: its blank form, filled forms with the arithmetic, recognition, print."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest

from perfeval.pack import available, load_pack
from perfeval.pipeline import FormOutcome, Options, Outcome, blank_form, fill, inspect
from tests.support.clerk import address, filled
from tests.support.office import recalculate, requires_office, requires_validator, validation_errors
from tests.support.packs import write_pack

HEADER = {
    "project": "市区公厕改造",
    "department": "示例市城市管理局",
    "unit_name": "示例市环境卫生中心",
    "contact.name": "甲 0000-0000000",
    "year": "2024",
    "goal.expected": "完成改造任务,改善如厕条件。",
    "goal.achieved": "基本完成改造任务。",
}
MONEY = {"funds.budget.total": "300", "funds.allocated.total": "250", "funds.spent.total": "200"}


@dataclass(frozen=True)
class Case:
    """A filled form of a pack: rows, the score of each row in the order of the form, funds score, total, grade."""

    pack: str
    rows: str
    scores: tuple[str, ...]
    funds: str
    total: str
    grade: str
    fields: Mapping[str, str] = field(default_factory=dict)
    codes: tuple[str, ...] = ()  # findings that must be there


CASES = {
    # 200 ÷ 250 × 10 = 8; 9/10 × 20 = 18; full; 25 ÷ 26 × 10 = 9.615 → 9.62; full; 90% × 15 = 13.5; full
    # 8 + 18 + 10 + 10 + 9.62 + 15 + 13.5 + 10 = 94.12
    "national form": Case(
        "mof-2020",
        """
        | level1.name | level2.name | indicator.name | indicator.target | indicator.actual | indicator.weight |
        | 产出指标(50分) | 数量指标 | 改造公厕数量 | ≥10座 | 9座 | 20 |
        | | 质量指标 | 验收合格率 | 100% | 100% | 10 |
        | | 时效指标 | 完成时间 | 2024年12月底前 | 2024年11月 | 10 |
        | | 成本指标 | 单座改造成本 | ≤25万元 | 26万元 | 10 |
        | 效益指标(30分) | 社会效益指标 | 日均服务人次 | ≥3000人次 | 3200人次 | 15 |
        | | 可持续影响指标 | 管护机制健全情况 | 健全 | "基本达成预期指标"、完成比例90% | 15 |
        | 满意度指标(10分) | 服务对象满意度指标 | 群众满意度 | ≥90% | 93% | 10 |
        """,
        ("18", "10", "10", "9.62", "15", "13.5", "10"),
        "8",
        "94.12",
        "优",
    ),
    # Weights of a group that do not come to its points are told: 20 + 10 + 10 = 40, not 50.
    # 2.5 ÷ 3 × 10 → 8.33; 2 ÷ 3 × 20 = 13.33; 10; 10; 15; 15; 10 × 85 ÷ 90 = 9.44; sum 81.10
    "weights that are not 50": Case(
        "mof-2020",
        """
        | level1.name | level2.name | indicator.name | indicator.target | indicator.actual | indicator.weight |
        | 产出指标(50分) | 数量指标 | 培训期数 | ≥3期 | 2期 | 20 |
        | | 质量指标 | 考核合格率 | ≥95% | 96% | 10 |
        | | 时效指标 | 按期完成率 | 100% | 100% | 10 |
        | 效益指标(30分) | 社会效益指标 | 参训学员就业率 | ≥60% | 66% | 15 |
        | | 经济效益指标 | 人均增收 | ≥1000元 | 1100元 | 15 |
        | 满意度指标 | 满意度指标 | 学员满意度 | ≥90% | 85% | 10 |
        """,
        ("13.33", "10", "10", "15", "15", "9.44"),
        "8.33",
        "81.1",
        "良",
        {"funds.allocated.total": "3", "funds.spent.total": "2.5"},
        ("WGT005",),
    ),
    # 10; 20 ÷ 24 × 20 = 16.67; 40 ÷ 50 × 25 = 20; 15; 20; satisfaction 86 % is in the step from 80: 10 × 80 % = 8
    "cost apart, satisfaction by steps": Case(
        "mof-2021-cost",
        """
        | level1.name | level2.name | indicator.name | indicator.target | indicator.actual | indicator.weight |
        | 成本指标(20分) | 经济成本指标 | 单座改造成本 | ≤20万元 | 24万元 | 20 |
        | 产出指标(40分) | 数量指标 | 改造公厕数量 | ≥50座 | 40座 | 25 |
        | | 质量指标 | 验收合格率 | 100% | 100% | 15 |
        | 效益指标(20分) | 社会效益指标 | 日均服务人次 | ≥3000人次 | 3000人次 | 20 |
        | 满意度指标(10分) | 服务对象满意度指标 | 群众满意度 | ≥90% | 86% | 10 |
        """,
        ("16.67", "20", "15", "20", "8"),
        "10",
        "89.67",
        "良",
        {"funds.allocated.total": "250", "funds.spent.total": "250"},
    ),
    # Target in three columns. 150 ÷ 200 × 10 = 7.5; 80 ÷ 100 × 40 = 32; 5 ÷ 4 → 30 capped; 20 ÷ 25 × … ≤: 10; 90 % × 10
    "target in three columns, 90 points shared": Case(
        "mof-split-2022",
        """
        | level1.name | level2.name | indicator.name | indicator.relation | indicator.target | indicator.unit | indicator.actual | indicator.weight |
        | 产出指标 | 数量指标 | 走访企业数 | ≥ | 100 | 家 | 80 | 40 |
        | | 数量指标 | 推介活动 | ≥ | 4 | 场次 | 5 | 30 |
        | | 成本指标 | 单场活动成本 | ≤ | 25 | 万元 | 20 | 5 |
        | 效益指标 | 可持续影响指标 | 联络机制运行情况 | 定性 | 良好 | | "基本达成预期指标"、完成比例90% | 10 |
        | 满意度指标 | 服务对象满意度指标 | 企业满意度 | ≥ | 90 | % | 95 | 5 |
        """,  # noqa: E501
        ("32", "30", "5", "9", "5"),
        "7.5",
        "88.5",
        "良",
        {"funds.allocated.total": "200", "funds.spent.total": "150"},
    ),
    # 100 + 1 against 90 shared points, and a sign that contradicts the target's own.
    "three columns that contradict each other": Case(
        "mof-split-2022",
        """
        | level1.name | level2.name | indicator.name | indicator.relation | indicator.target | indicator.unit | indicator.actual | indicator.weight |
        | 产出指标 | 数量指标 | 走访企业数 | ≤ | ≥100 | 家 | 80家 | 50 |
        | 效益指标 | 社会效益指标 | 新增就业 | ≥ | 100 | 人 | 100 | 30 |
        | 满意度指标 | 服务对象满意度指标 | 企业满意度 | ≥ | 90 | % | 90 | 11 |
        """,  # noqa: E501
        ("40", "30", "11"),
        "8",
        "89",
        "良",
        {},
        ("VAL207", "WGT005"),
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Case, Outcome]]:
    """Each case filled in and done once; the pack is recognised, not named."""
    folder = tmp_path_factory.mktemp("packs")
    done: dict[str, tuple[Case, Outcome]] = {}

    def get(name: str) -> tuple[Case, Outcome]:
        if name not in done:
            case = CASES[name]
            source = folder / f"{len(done)}.xlsx"
            source.write_bytes(filled(load_pack(case.pack), {**HEADER, **MONEY, **case.fields}, case.rows))
            done[name] = case, fill(source, folder / f"{len(done)}_评分表.xlsx", Options())
        return done[name]

    return get


def only(outcome: Outcome) -> FormOutcome:
    assert outcome.bug is None, outcome.bug
    (form,) = outcome.forms
    return form


@pytest.mark.parametrize("name", CASES)
def test_scores_are_those_worked_out_by_hand(finished: Callable[[str], tuple[Case, Outcome]], name: str) -> None:
    case, outcome = finished(name)
    form = only(outcome)
    assert form.pack.id == case.pack
    evaluation = form.evaluation
    assert tuple(str(Decimal(row.score.numerator) / row.score.denominator) for row in evaluation.rows) == case.scores
    assert evaluation.funds_score is not None
    assert evaluation.funds_score.score == Decimal(case.funds)
    assert evaluation.total is not None
    assert (evaluation.total.shown, evaluation.total.grade) == (Decimal(case.total), case.grade)
    codes = {finding.code for finding in outcome.findings}
    assert set(case.codes) <= codes
    assert not codes & {"TPL022", "TPL023", "TPL024", "TPL025", "TPL028", "TPL029", "TPL031"}


@pytest.mark.parametrize("name", CASES)
def test_the_finished_form_shows_the_scores(finished: Callable[[str], tuple[Case, Outcome]], name: str) -> None:
    case, outcome = finished(name)
    assert outcome.output is not None
    sheet = openpyxl.load_workbook(outcome.output, data_only=True).worksheets[0]
    pack = only(outcome).pack
    assert sheet[address(pack, "funds.score")].value == pytest.approx(float(case.funds))
    assert sheet[address(pack, "funds.points")].value == 10
    fields = {**MONEY, **case.fields}
    rate = float(fields["funds.spent.total"]) / float(fields["funds.allocated.total"])
    assert sheet[address(pack, "funds.execution_rate")].value == pytest.approx(rate)
    values = [cell.value for row in sheet.iter_rows() for cell in row if isinstance(cell.value, int | float)]
    assert pytest.approx(float(case.total)) in values
    for score in case.scores:
        assert pytest.approx(float(score)) in values


@requires_office
@pytest.mark.parametrize("name", ["national form", "target in three columns, 90 points shared"])
def test_libreoffice_works_out_the_same(
    finished: Callable[[str], tuple[Case, Outcome]], name: str, tmp_path: Path
) -> None:
    _, outcome = finished(name)
    assert outcome.output is not None
    shown = openpyxl.load_workbook(outcome.output, data_only=True).worksheets[0]
    formulas = openpyxl.load_workbook(outcome.output).worksheets[0]
    anew = openpyxl.load_workbook(recalculate(outcome.output, tmp_path), data_only=True).worksheets[0]
    checked = 0
    for row in formulas.iter_rows():
        for cell in row:
            if isinstance(cell.value, str) and cell.value.startswith("="):
                assert anew[cell.coordinate].value == pytest.approx(shown[cell.coordinate].value), cell.coordinate
                checked += 1
    assert checked > 8


@requires_validator
@pytest.mark.parametrize("pack_id", available())
def test_the_form_and_a_blank_one_are_valid(pack_id: str, tmp_path: Path) -> None:
    pack = load_pack(pack_id)
    assert validation_errors(pack.form_path) == []
    target = tmp_path / "blank.xlsx"
    target.write_bytes(blank_form(pack))
    assert validation_errors(target) == []


@requires_validator
@pytest.mark.parametrize("name", ["national form", "three columns that contradict each other"])
def test_finished_forms_are_valid(finished: Callable[[str], tuple[Case, Outcome]], name: str) -> None:
    _, outcome = finished(name)
    assert outcome.output is not None
    before = validation_errors(
        outcome.path
    )  # openpyxl, which filled the form in, sorts the parts of a font its own way
    assert [error for error in validation_errors(outcome.output) if error not in before] == []


@pytest.mark.parametrize("name", CASES)
def test_a_finished_form_comes_back_as_it_was(
    finished: Callable[[str], tuple[Case, Outcome]], name: str, tmp_path: Path
) -> None:
    case, outcome = finished(name)
    assert outcome.output is not None
    again = inspect(outcome.output, Options())
    before, after = only(outcome), only(again)
    assert after.pack is before.pack
    assert after.evaluation.total == before.evaluation.total
    texts = [
        sorted((i.name, i.target.text, i.actual.text, i.stated_weight) for i in form.form.indicators)
        for form in (before, after)
    ]
    assert texts[0] == texts[1]
    assert sorted(f.code for f in again.findings) == sorted(f.code for f in outcome.findings)
    assert case.total


# ---- recognition ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pack_id", available())
def test_the_blank_form_of_a_pack_is_recognised_among_all(pack_id: str, tmp_path: Path) -> None:
    path = tmp_path / "表.xlsx"
    for data in (blank_form(load_pack(pack_id)), forgotten(blank_form(load_pack(pack_id)))):
        path.write_bytes(data)
        outcome = inspect(path, Options())
        assert [form.pack.id for form in outcome.forms] == [pack_id]
        assert "TPL031" not in {finding.code for finding in outcome.findings}


def forgotten(data: bytes) -> bytes:
    """The form without the record of the pack it was made with, as a form copied into a new workbook."""
    book = openpyxl.load_workbook(io.BytesIO(data))
    for name in book.sheetnames[1:]:
        del book[name]
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def without_points(data: bytes) -> bytes:
    """The form with the points left out of the names of its groups, as many print it."""
    book = openpyxl.load_workbook(io.BytesIO(data))
    for row in book.worksheets[0].iter_rows():
        for cell in row:
            if isinstance(cell.value, str) and cell.value.endswith("分)") and "指标" in cell.value:
                cell.value = cell.value.partition("(")[0].strip()
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


ROWS = """
| level1.name | level2.name | indicator.name | indicator.target | indicator.actual | indicator.weight |
| 产出指标 | 数量指标 | 走访企业数 | ≥100家 | 100家 | 50 |
| 效益指标 | 社会效益指标 | 新增就业 | ≥100人 | 100人 | 30 |
| 满意度指标 | 服务对象满意度指标 | 企业满意度 | ≥90% | 90% | 10 |
"""


def test_weights_decide_where_no_word_does_and_the_other_pack_is_named(tmp_path: Path) -> None:
    path = tmp_path / "表.xlsx"
    path.write_bytes(filled(load_pack("mof-2020"), {**HEADER, **MONEY}, ROWS))
    outcome = inspect(path, Options())
    assert only(outcome).pack.id == "mof-2020"
    (finding,) = [finding for finding in outcome.findings if finding.code == "TPL031"]
    assert load_pack("mof-2021-cost").title in finding.message
    assert "--pack mof-2021-cost" in finding.fix


def test_forms_without_anything_of_their_own_are_left_undecided(tmp_path: Path) -> None:
    path = tmp_path / "表.xlsx"
    path.write_bytes(filled(load_pack("mof-2020"), {**HEADER, **MONEY}, ROWS.replace("| 50 |", "| 45 |")))
    outcome = inspect(path, Options())
    assert not outcome.forms
    (finding,) = outcome.findings
    assert finding.code == "TPL021"
    assert "mof-2020" in finding.message
    assert "mof-2021-cost" in finding.message
    named = only(inspect(path, Options(pack="mof-2020")))
    assert named.evaluation.total is not None


def test_names_in_the_table_decide_where_no_points_are_printed(tmp_path: Path) -> None:
    path = tmp_path / "表.xlsx"
    path.write_bytes(without_points(forgotten(blank_form(load_pack("mof-2021-cost")))))
    assert [form.pack.id for form in inspect(path, Options()).forms] == ["mof-2021-cost"]


def test_a_form_of_a_pack_that_is_not_at_hand_is_scored_by_no_other(tmp_path: Path) -> None:
    """A form remembers the pack it was handed out with; what it is worth depends on the rules of that pack."""
    packs = tmp_path / "packs"
    write_pack(packs / "county-2026", extends="mof-2020")
    path = tmp_path / "表.xlsx"
    path.write_bytes(blank_form(load_pack("county-2026", packs)))
    outcome = inspect(path, Options())
    assert not outcome.forms
    (finding,) = outcome.findings
    assert finding.code == "TPL038"
    assert "county-2026" in finding.message
    assert [form.pack.id for form in inspect(path, Options(templates=packs)).forms] == ["county-2026"]
    assert [form.pack.id for form in inspect(path, Options(pack="mof-2020")).forms] == ["mof-2020"]
    path.write_bytes(renamed(path.read_bytes(), "另一个名称"))
    assert [finding.code for finding in inspect(path, Options()).findings] == ["TPL038"]


def renamed(data: bytes, title: str) -> bytes:
    """The workbook with another name for its first sheet."""
    book = openpyxl.load_workbook(io.BytesIO(data))
    book.worksheets[0].title = title
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def test_next_years_copy_of_a_pack_is_told_by_the_year_on_the_form(tmp_path: Path) -> None:
    packs = tmp_path / "packs"
    for year in (2024, 2025):
        folder = packs / f"town-{year}"
        folder.mkdir(parents=True)
        head = f'id = "town-{year}"\ntitle = "示例县自评表"\nversion = "1"\nyear = {year}\nextends = "mof-2020"\n'
        own = (
            '[[groups]]\nname = "预算执行率"\n[[groups]]\nname = "产出指标"\nprinted = "产出(50分)"\nwords = ["产出"]\n'
        )
        rest = '[[groups]]\nname = "效益指标"\n[[groups]]\nname = "满意度指标"\n'
        (folder / "rules.toml").write_text(head + own + rest, encoding="utf-8")
    rows = ROWS.replace("产出指标", "产出(50分)")
    for year in ("2024", "2025"):
        path = tmp_path / f"{year}.xlsx"
        path.write_bytes(filled(load_pack("town-2024", packs), {**HEADER, **MONEY, "year": year}, rows))
        outcome = inspect(path, Options(templates=packs))
        assert [form.pack.id for form in outcome.forms] == [f"town-{year}"], [f.message for f in outcome.findings]
