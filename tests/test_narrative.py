"""Drafts of the narrative: what they say from the numbers alone, what they keep, and what a broken block leads to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfeval.calculator import evaluate
from perfeval.errors import PackError
from perfeval.model import Cell, Form
from perfeval.narrative import render
from perfeval.narrative.check import check_blocks
from perfeval.pack import Pack, load_pack
from perfeval.review import review
from tests.support.forms import REAL_FIELDS, cell_of, form_of, real_form

PACK = load_pack("jiangmen-2024")
SECTIONS = {"spending", "goals", "uses", "other", "problems", "improvements", "expiring_funds"}
MONEY = {"funds.budget": "343", "funds.allocated.own_level": "257.33", "funds.spent.own_level": "213.92"}
HEAD = "| 一级 | 二级 | 三级 | 预期值 | 实现值 | 得分 | 原因 |\n"
PROCESS = """
| 过程 | 立项管理 | 论证决策规范性 | | | 12 | / |
| | 事项管理 | 监管有效性 | | | 8 | / |
"""
MET = "| 产出 | 数量指标 | 培训人数(人) | ≥100人 | 120人 | | / |\n"
MISSED = "| 产出 | 数量指标 | 培训场次(场) | ≥10场 | 9场 | | 场地装修,少办一场。 |\n"
MISSED_BENEFIT = "| 效益 | 满意度指标 | 学员满意度(%) | ≥90% | 81% | | |\n"
UNKNOWN = "| 效益 | 满意度指标 | 学员满意度(%) | ≥90% | 约80% | 6 | |\n"


def drafts(form: Form, pack: Pack = PACK) -> dict[str, str]:
    return render(pack, form, evaluate(form, pack)[0])


def table(*rows: str) -> str:
    return HEAD + "".join(rows).strip()


def training(*rows: str, fields: Mapping[str, str] | None = None, year: int | None = 2024) -> dict[str, str]:
    """Drafts of a form about 技能培训经费 with these indicator rows."""
    return drafts(form_of(PACK, table(*rows), fields={"project": "技能培训经费", **(fields or {})}, year=year))


def with_block(source: str, section: str = "goals") -> Pack:
    return replace(PACK, narrative={**PACK.narrative, section: source})


# ---- the real form ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real() -> dict[str, str]:
    form = real_form(PACK)
    return drafts(replace(form, fields={**form.fields, "project_level": cell_of("一级", "K4")}))


def test_every_section_of_the_form_is_drafted(real: dict[str, str]) -> None:
    assert set(real) == SECTIONS
    assert all(real.values())


def test_the_sentence_about_money(real: dict[str, str]) -> None:
    assert real["spending"] == (
        "2024年一级项目招商引资专项经费年初预算数343万元，实际分配下达257.33万元，实际支出金额合计213.92万元。"
        "按实际分配下达金额计算，预算执行率为83.13%；按年初预算数计算，支出率为62.37%。"
    )


def test_the_sentence_about_indicators(real: dict[str, str]) -> None:
    assert real["goals"].startswith(
        "2024年一级项目招商引资专项经费的产出和效益指标共11项，达标9项，未达标2项。"
        "其中，产出指标6项，达标5项；效益指标5项，达标4项。"
        "未达标的指标为：全市项目评审数量、全市投资10亿元以上项目数。"
    )
    assert real["goals"].endswith("自评总分98.85分（满分100分）。")


def test_problems_name_the_misses_with_their_reasons(real: dict[str, str]) -> None:
    first, review_count, large, money = real["problems"].split("\n")
    assert first == "1.项目绩效方面：2项指标未达到预期值。"
    assert review_count.startswith(
        "（1）全市项目评审数量：预期值为≥170个，实现值为151个，完成比例为88.82%。原因：受市场环境"
    )
    assert large.startswith(
        "（2）全市投资10亿元以上项目数：预期值为≥40个，实现值为38个，完成比例为95%。原因：受市场环境"
    )
    assert large.endswith("规模下降。")
    assert money == "2.资金管理方面：预算执行率为83.13%，尚有43.41万元未支出。"


def test_improvements_answer_the_problems(real: dict[str, str]) -> None:
    misses, money = real["improvements"].split("\n")
    assert misses.startswith("1.针对全市项目评审数量、全市投资10亿元以上项目数未达到预期值的情况，")
    assert money == "2.加强预算编制与项目实施的衔接，跟踪支出进度，提高预算执行率。"


def test_uses_list_the_results_and_nothing_else(real: dict[str, str]) -> None:
    opening, output, benefit, closing = real["uses"].split("\n")
    assert opening == "本项目实际支出213.92万元，资金使用成效按绩效指标列示如下："
    assert output.startswith("1.产出方面：考察拜访企业/机构数量预期值为≥100家，实现值为105家；")
    assert benefit.startswith("2.效益方面：全市引进项目投资额预期值为≥2000亿元，实现值为超2000亿元；")
    assert closing == "各用途的支出金额未在本表列示，以单位财务核算资料为准。"


def test_drafts_read_back_give_no_finding() -> None:
    """What we write ourselves must not be found fault with when the workbook comes back."""
    for form in (
        real_form(PACK),
        form_of(
            PACK, table(PROCESS, MET, MISSED, MISSED_BENEFIT), fields={**REAL_FIELDS, "funds.spent.own_level": "300"}
        ),
    ):
        evaluation, _ = evaluate(form, PACK)
        written = {
            key: Cell(f"A{row}", text) for row, (key, text) in enumerate(render(PACK, form, evaluation).items(), 60)
        }
        blank = dict.fromkeys(written, Cell())  # the sections are there, nobody has written in them
        before = review(replace(form, narrative=blank), evaluation, PACK)
        after = review(replace(form, narrative=written), evaluation, PACK)
        assert [finding for finding in after if finding not in before] == []


# ---- whose words stand -----------------------------------------------------------------------------------------------


def test_a_section_the_clerk_wrote_is_kept_letter_by_letter() -> None:
    form = form_of(
        PACK, fields=MONEY, narrative={"spending": " 已写好。\n第二段 ", "goals": " \n ", "strange": "别处的话"}
    )
    texts = drafts(form)
    assert texts["spending"] == " 已写好。\n第二段 "
    assert texts["goals"] == "2024年本项目未填列产出和效益指标。"
    assert texts["strange"] == "别处的话"


def test_nothing_is_rendered_when_all_is_written() -> None:
    form = form_of(PACK, narrative=dict.fromkeys(SECTIONS, "写好了"))
    assert drafts(form, replace(PACK, narrative=dict.fromkeys(SECTIONS, "{% broken"))) == dict.fromkeys(
        SECTIONS, "写好了"
    )


@pytest.mark.parametrize("text", ["{{ 7*7 }}", "{% for x in range(9) %}9{% endfor %}", "{# weg #}"])
def test_cells_are_data_and_never_template(text: str) -> None:
    rows = table(f"| 产出 | 数量指标 | {text} | ≥{text} | {text} | 1 | {text} |\n")
    texts = drafts(form_of(PACK, rows, fields={"project": text, "project_level": text}))
    assert texts["goals"].startswith(f"2024年{text}项目{text}的产出和效益指标共1项")
    assert f"{text}预期值为≥{text}，实现值为{text}" in texts["uses"]


def test_a_line_end_in_a_cell_does_not_break_the_sentence() -> None:
    form = form_of(PACK, table(PROCESS, MET), fields={"project": "技能\n培训经费"})
    row = replace(
        form.indicators[2],
        cells={
            **form.indicators[2].cells,
            "actual": Cell("H15", "99\n人"),
            "shortfall_reason": Cell("J15", "第一。\n第二\n"),
        },
        actual=replace(form.indicators[2].actual, text="99\n人", value=Decimal(99)),
    )
    texts = drafts(replace(form, indicators=(*form.indicators[:2], row)))
    assert texts["goals"].startswith("2024年技能培训经费的")
    assert "实现值为99；人，完成比例为99%。原因：第一；第二。" in texts["problems"]


# ---- what is missing -------------------------------------------------------------------------------------------------


def money(**amounts: str) -> str:
    paths = {"budget": "funds.budget", "own": "funds.allocated.own_level", "lower": "funds.allocated.transferred"}
    paths |= {"spent": "funds.spent.own_level", "spent_lower": "funds.spent.transferred"}
    return training(fields={paths[key]: value for key, value in amounts.items()})["spending"]


@pytest.mark.parametrize(
    ("amounts", "expected"),
    [
        pytest.param({}, "的年初预算数、实际分配下达金额和实际支出金额均未列明。", id="nothing"),
        pytest.param({"budget": "100"}, "年初预算数100万元。实际分配下达金额和实际支出金额未列明。", id="budget only"),
        pytest.param(
            {"budget": "100", "spent": "0"},
            "年初预算数100万元，实际支出金额合计0万元。实际分配下达金额未列明。按年初预算数计算，支出率为0%。",
            id="0 is not blank",
        ),
        pytest.param(
            {"budget": "0", "own": "0", "spent": "0"},
            "年初预算数0万元，实际分配下达0万元，实际支出金额合计0万元。",
            id="no rate of nothing",
        ),
        pytest.param(
            {"budget": "100", "own": "约90", "spent": "80"},
            "年初预算数100万元，实际支出金额合计80万元。实际分配下达金额未列明。按年初预算数计算，支出率为80%。",
            id="unreadable is not known",
        ),
        pytest.param(
            {"budget": "100", "own": "60", "lower": "30.5", "spent": "60", "spent_lower": "18.3"},
            "年初预算数100万元，实际分配下达90.5万元，实际支出金额合计78.3万元。"
            "实际分配下达资金中，市本级60万元，转移支付至下级30.5万元。"
            "实际支出资金中，市本级60万元，转移支付至下级18.3万元。"
            "按实际分配下达金额计算，预算执行率为86.52%；按年初预算数计算，支出率为78.3%。",
            id="transferred",
        ),
        pytest.param(
            {"lower": "30", "spent_lower": "30"},
            "实际分配下达30万元，实际支出金额合计30万元。年初预算数未列明。"
            "实际分配下达资金中，转移支付至下级30万元。实际支出资金中，转移支付至下级30万元。"
            "按实际分配下达金额计算，预算执行率为100%。",
            id="all transferred",
        ),
    ],
)
def test_money(amounts: dict[str, str], expected: str) -> None:
    assert money(**amounts) == f"2024年技能培训经费{expected}"


@pytest.mark.parametrize(
    ("year", "fields", "expected"),
    [
        (None, {"project": ""}, "本年度本项目"),
        (2025, {"project_level": "一级项目"}, "2025年一级项目技能培训经费"),
        (2024, {"project_level": " 二级 "}, "2024年二级项目技能培训经费"),
        (2024, {}, "2024年技能培训经费"),
    ],
)
def test_subject(year: int | None, fields: dict[str, str], expected: str) -> None:
    assert training(MET, fields=fields, year=year)["goals"].startswith(f"{expected}的产出和效益指标共1项")


@pytest.mark.parametrize(
    ("rows", "goals", "problems"),
    [
        pytest.param(
            (PROCESS, MET),
            "共1项，达标1项，未达标0项。其中，产出指标1项，达标1项；效益指标未填列。",
            "产出和效益指标均达到预期值，本次自评未发现需要说明的问题。",
            id="no misses, one group",
        ),
        pytest.param(
            (PROCESS, MISSED, MISSED_BENEFIT),
            "共2项，达标0项，未达标2项。其中，产出指标1项，达标0项；效益指标1项，达标0项。未达标的指标为：培训场次、学员满意度。自评总分92分（满分100分）。",
            "1.项目绩效方面：2项指标未达到预期值。\n"
            "（1）培训场次：预期值为≥10场，实现值为9场，完成比例为90%。原因：场地装修,少办一场。\n"
            "（2）学员满意度：预期值为≥90%，实现值为81%，完成比例为90%。未达标原因未填列。",
            id="all missed",
        ),
        pytest.param(
            (PROCESS, MET, UNKNOWN),
            "共2项，达标1项，未达标0项，另有1项暂不能判定是否达标。其中，产出指标1项，达标1项；效益指标1项，达标0项。暂不能判定的指标为：学员满意度。自评总分66分（满分100分）。",
            "1.自评工作质量方面：学员满意度的得分尚待核实。",
            id="cannot be told",
        ),
        pytest.param(
            (PROCESS.replace("| 8 | / |", "| 7 | 少查一次 |"), MET),
            "共1项，达标1项，未达标0项。其中，产出指标1项，达标1项；效益指标未填列。",
            "1.项目管理方面：监管有效性满分8分，自评得7分，原因：少查一次。",
            id="points lost in a stated group",
        ),
    ],
)
def test_results(rows: tuple[str, ...], goals: str, problems: str) -> None:
    texts = training(*rows)
    assert texts["goals"] == f"2024年技能培训经费的产出和效益指标{goals}"
    assert texts["problems"] == problems


def test_overspending_is_a_problem_and_thrift_above_the_threshold_is_none() -> None:
    over = training(PROCESS, MET, fields={**MONEY, "funds.spent.own_level": "260"})
    assert over["problems"] == "1.资金管理方面：实际支出260万元，实际分配下达257.33万元，超支2.67万元。"
    assert over["improvements"] == "1.核对资金来源和支出口径，严格按照下达的预算安排支出。"
    thrifty = training(PROCESS, MET, fields={**MONEY, "funds.spent.own_level": "240"})
    assert "执行率" not in thrifty["problems"]


def test_a_grade_names_its_own_ratio() -> None:
    row = "| 效益 | 社会效益指标 | 队伍建设 | 良好 | 部分达成预期指标、完成比例70% | | 人手不足 |\n"
    assert "实现值为部分达成预期指标、完成比例70%。原因：人手不足。" in training(PROCESS, row)["problems"]


def test_which_groups_count_is_what_the_pack_says() -> None:
    renamed = replace(PACK, groups=tuple(replace(g, name=g.name.replace("产出", "成果")) for g in PACK.groups))
    texts = drafts(form_of(renamed, table(PROCESS, MET.replace("产出", "成果"))), renamed)
    assert "成果和效益指标共1项" in texts["goals"]
    stated = replace(PACK, groups=tuple(replace(g, scoring="stated") if g.name == "产出" else g for g in PACK.groups))
    texts = drafts(form_of(stated, table(PROCESS, MET, MISSED_BENEFIT)), stated)
    assert "效益指标共1项，达标0项，未达标1项。" in texts["goals"]


# ---- laws ------------------------------------------------------------------------------------------------------------

RESULTS = st.sampled_from(
    ["", "9场", "10场", "12场", "约9场", "超10场", "不适用", "/", "0", "部分达成预期指标、完成比例70%", "十"]
)
AMOUNTS = st.sampled_from(["", "0", "-5", "0.1", "257.33", "343", "一百"])
REASONS = st.sampled_from(["", "/", "无", "场地不足", "场地不足。", "其一；\n\n其二；", "；"])


@given(
    results=st.lists(st.tuples(st.sampled_from(["产出", "效益"]), RESULTS, REASONS), max_size=5),
    amounts=st.lists(AMOUNTS, min_size=5, max_size=5),
    project=st.sampled_from(["", "技能培训经费"]),
    year=st.sampled_from([None, 2024]),
)
def test_whatever_is_filled_in_the_drafts_are_whole_sentences(
    results: list[tuple[str, str, str]], amounts: list[str], project: str, year: int | None
) -> None:
    kinds = {"产出": "数量指标", "效益": "社会效益指标"}
    rows = [f"| {group} | {kinds[group]} | 场次 | ≥10场 | {actual} | | |\n" for group, actual, _ in sorted(results)]
    paths = (*MONEY, "funds.allocated.transferred", "funds.spent.transferred")
    fields = {"project": project, **{path: text for path, text in zip(paths, amounts, strict=True) if text}}
    form = form_of(PACK, table(PROCESS, *rows), fields=fields, year=year)
    reasons = [reason for *_, reason in sorted(results)]
    indicators = [
        replace(row, cells={**row.cells, "shortfall_reason": Cell("J1", reason)})
        for row, reason in zip(form.indicators[2:], reasons, strict=True)
    ]
    for section, text in drafts(replace(form, indicators=(*form.indicators[:2], *indicators))).items():
        assert text.endswith("。"), (section, text)
        assert not re.search(
            "None|Undefined|[，、；：]{2}|[，、；：]。|。。|^[，、；。]|  |\x1e", text, re.MULTILINE
        ), (section, text)


# ---- broken blocks ---------------------------------------------------------------------------------------------------

BROKEN = [
    pytest.param("第一行\n{{ funds.spend.total }}", "PAK902", 2, "spend", id="unknown part"),
    pytest.param("{{ unit_nam }}", "PAK902", 1, "unit_nam", id="unknown name"),
    pytest.param(
        "\n\n{% for row in measured.rows %}{{ row.titel }}{% endfor %}", "PAK902", 3, "titel", id="unknown column"
    ),
    pytest.param("{% if year %}\n{{ year }}年", "PAK901", 2, "", id="syntax"),
    pytest.param("{{ year | roundd }}", "PAK901", 1, "roundd", id="unknown filter"),
    pytest.param("年\n度\n{{ unit_name + 1 }}", "PAK903", 3, "TypeError", id="cannot be computed"),
    pytest.param("{{ ''.__class__.__mro__ }}", "PAK903", 1, "unsafe", id="out of the sandbox"),
    pytest.param("{{ ''.join(range(1000000)) }}", "PAK903", 1, "Range", id="too much"),
    pytest.param('{% include "narrative/_none.j2" %}', "PAK903", 1, "_none", id="missing include"),
]


@pytest.mark.parametrize(("source", "code", "line", "words"), BROKEN)
def test_a_broken_block_is_named_with_its_line(source: str, code: str, line: int, words: str) -> None:
    pack = with_block(source)
    finding = check_blocks(pack)[0]
    assert (finding.code, finding.params["file"], finding.params["line"]) == (code, "narrative/goals.j2", str(line))
    assert words in finding.message
    with pytest.raises(PackError, match=rf"narrative/goals\.j2 第 {line} 行"):
        drafts(real_form(pack), pack)


def test_a_fault_that_only_a_blank_form_shows_is_found() -> None:
    pack = with_block("{{ funds.budget * 2 }}")
    assert drafts(real_form(pack), pack)["goals"] == "686"
    assert [(finding.code, finding.params["line"]) for finding in check_blocks(pack)] == [("PAK903", "1")]


def test_a_fault_in_an_included_block_is_named_there() -> None:
    pack = replace(
        with_block('{% include "narrative/_part.j2" %}'),
        narrative={"goals": '{% include "narrative/_part.j2" %}', "_part": "年\n{{ x }}"},
    )
    assert check_blocks(pack)[0].params["file"] == "narrative/_part.j2"
    assert check_blocks(pack)[0].params["line"] == "2"


def test_blocks_and_places_are_held_against_each_other() -> None:
    blocks = {**PACK.narrative, "extra": "多出来的", "other": "{% if not year %}从不{% endif %}"}
    del blocks["uses"]
    found = {(finding.code, finding.params["file"]) for finding in check_blocks(replace(PACK, narrative=blocks))}
    assert found == {
        ("PAK904", "narrative/other.j2"),
        ("PAK905", "narrative/extra.j2"),
        ("PAK906", "narrative/uses.j2"),
    }


def test_the_built_in_blocks_pass() -> None:
    assert check_blocks(PACK) == ()


def test_a_field_the_clerk_removed_is_blank_and_no_fault_of_the_block() -> None:
    pack = with_block("依据：{{ funds.special.part | amount }}，{{ special.field or '未填' }}。")
    form = replace(form_of(pack), labels={"funds.special.part": "其中", "special.field": "某栏"})
    assert drafts(form, pack)["goals"] == "依据：未列明，未填。"


def test_only_blank_lines_of_a_block_begin_a_paragraph() -> None:
    pack = with_block(
        "第一段\n  接着写\n\n{% if year %}\n第二段{{ year }}\n{% endif %}\n\n\n{% if not year %}\n没有\n{% endif %}\n"
    )
    assert drafts(form_of(pack), pack)["goals"] == "第一段接着写\n第二段2024"
