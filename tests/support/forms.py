"""Forms from pipe tables, as the reader would hand them over: for tests that need no workbook.

    form_of(pack, '''
        | 一级 | 二级     | 三级                    | 预期值   | 实现值 | 得分 | 原因 |
        | 产出 | 数量指标 | 招商推介活动场次(场次) | ≥3场次 | 4场次  |      | /    |
        |      |          | 全市项目评审数量(个)   | ≥170个 | 151个  |      | 放缓 |
    ''', fields={"funds.budget": "343"})

A blank 一级 or 二级 repeats the one above. Columns that the table leaves out are blank cells; their addresses are those
of the Jiangmen form (G13 is the target of the first row), so that findings can be asserted as `[(code, cell)]`.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from perfeval import quantity
from perfeval.findings import Finding
from perfeval.model import Cell, Form, Indicator
from perfeval.pack import Pack

FIRST_ROW = 13
# Column key → the words a table may use for it, and its letter in the Jiangmen form.
COLUMNS: Mapping[str, tuple[str, str]] = {
    "level1": ("一级", "A"),
    "level2": ("二级", "C"),
    "name": ("三级 名称", "E"),
    "weight": ("权重 分值", "F"),
    "target": ("预期值 指标值", "G"),
    "actual": ("实现值 完成值", "H"),
    "score": ("得分 自评分数", "I"),
    "shortfall_reason": ("原因", "J"),
    "criterion": ("评分标准", "K"),
    "evidence": ("佐证 佐证材料", "L"),
}

# The real submission of domain.md 1.3 with its results; contact data invented.
REAL_ROWS = """
| 一级 | 二级 | 三级 | 预期值 | 实现值 | 得分 | 原因 | 佐证 |
| 过程 | 立项管理 | 论证决策规范性 | | | 12 | / | 佐证1:会议纪要 |
| | 事项管理 | 监管有效性 | | | 8 | / | 佐证2:检查通报 |
| 产出 | 数量指标 | 考察拜访企业/机构数量(家) | ≥100家 | 105家 | | / | 佐证3:拜访台账 |
| | | 招商推介活动场次(场次) | ≥3场次 | 4场次 | | / | 佐证4:活动通知 |
| | | 市场化招商提供的投资线索单项投资额(亿元) | ≥5亿元 | 5亿元 | | / | 佐证5:线索表 |
| | | 市场化招商提供10亿元以上有效优质项目线索数(个) | ≥5个 | 7个 | | / | 佐证6:线索表 |
| | | 全市项目评审数量(个) | ≥170个 | 151个 | | 受市场环境等因素影响,企业投资步伐放缓,更倾向于采取"轻资产"投资,导致新拿地项目减少。 | 佐证7:评审纪要 |
| | 质量指标 | 招商活动的嘉宾为总经理以上级别的人数(人) | ≥60人 | 60人 | | / | 佐证8:嘉宾名单 |
| 效益 | 经济效益指标 | 全市引进项目投资额(亿元) | ≥2000亿元 | 超2000亿元 | | / | 佐证9:统计表 |
| | | 全市投资10亿元以上项目数(个) | ≥40个 | 38个 | | 受市场环境等因素影响,企业投资步伐放缓,对重资产、高投入项目保持谨慎,导致投资超10亿元的大项目规模下降。 | 佐证10:统计表 |
| | 社会效益指标 | 招商人员年度新接洽投资线索数量(条) | ≥10条 | 15条 | | / | 佐证11:线索表 |
| | 可持续影响指标 | 长三角区域驻点招商网络维持情况 | 良好 | "全部达成预期指标"、完成比例100% | | / | 佐证12:工作总结 |
| | 满意度指标 | 企业服务满意度(%) | ≥85% | 100% | | / | 佐证13:感谢信 |
"""  # noqa: E501
REAL_FIELDS = {
    "project": "招商引资专项经费",
    "unit_name": "江门市投资促进局",
    "contact.name": "张三",
    "contact.phone": "0750-0000000",
    "contact.email": "zhangsan@example.org",
    "funds.budget": "343",
    "funds.allocated.own_level": "257.33",
    "funds.spent.own_level": "213.92",
    "goal.expected": "2024年超亿元项目计划投资额≥2000亿元,制造业占比≥80%。",
    "goal.achieved": "基本实现预期总体目标:超亿元项目计划投资额1929.4亿元,制造业占比74.2%。",
}


def form_of(
    pack: Pack,
    table: str = "",
    *,
    fields: Mapping[str, str] | None = None,
    narrative: Mapping[str, str] | None = None,
    year: int | None = 2024,
) -> Form:
    """The form that `table`, header `fields` and `narrative` texts describe."""
    return Form(
        pack=pack.id,
        sheet="指标评分表",
        fields={path: cell_of(text, f"B{row}") for row, (path, text) in enumerate((fields or {}).items(), 1)},
        indicators=tuple(_indicators(pack, table, year)),
        narrative={key: Cell(f"A{row}", text) for row, (key, text) in enumerate((narrative or {}).items(), 101)},
        year=year,
    )


def real_form(pack: Pack, changes: Mapping[str, str] | None = None) -> Form:
    """The real submission; `changes` replace texts of its table, old by new."""
    table = REAL_ROWS
    for old, new in (changes or {}).items():
        assert old in table, f"{old} does not stand in the table"
        table = table.replace(old, new)
    return form_of(pack, table, fields=REAL_FIELDS)


def indicator_of(pack: Pack, *, row: int = FIRST_ROW, year: int | None = 2024, **texts: str) -> Indicator:
    """One row from the texts of its columns, called as in `COLUMNS`; for texts that a pipe table cannot hold."""
    cells = {key: cell_of(texts.get(key, ""), f"{letter}{row}") for key, (_, letter) in COLUMNS.items()}
    return Indicator(
        row=row,
        group=pack.group(texts["level1"]).name,
        level1=texts["level1"],
        level2=texts["level2"],
        name=texts["name"],
        cells=cells,
        target=quantity.parse(cells["target"].text, year=year),
        actual=quantity.parse(cells["actual"].text, year=year),
        stated_score=cells["score"].number,
        stated_weight=cells["weight"].number,
    )


def cell_of(text: str, ref: str = "") -> Cell:
    """A cell as the reader gives it: with a number when the text is one, or a percentage."""
    try:
        number = Decimal(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except InvalidOperation:
        return Cell(ref, text)
    return Cell(ref, text, number if number.is_finite() else None)


def places(findings: tuple[Finding, ...]) -> list[tuple[str, str]]:
    """Findings as tests assert them."""
    return [(finding.code, finding.cell) for finding in findings]


def _indicators(pack: Pack, table: str, year: int | None) -> list[Indicator]:
    lines = [line.strip() for line in table.strip().splitlines() if line.strip()]
    if not lines:
        return []
    keys = [_key(word) for word in _split(lines[0])]
    found: list[Indicator] = []
    level1 = level2 = ""
    for row, line in enumerate(lines[1:], FIRST_ROW):
        texts = dict(zip(keys, _split(line), strict=True))
        if texts.get("level1"):
            level1, level2 = texts["level1"], ""
        level2 = texts.get("level2") or level2
        found.append(indicator_of(pack, row=row, year=year, **{**texts, "level1": level1, "level2": level2}))
    return found


def _split(line: str) -> list[str]:
    return [part.strip() for part in line.strip("|").split("|")]


def _key(word: str) -> str:
    for key, (words, _) in COLUMNS.items():
        if word in words.split():
            return key
    raise ValueError(f"no column is called {word}")
