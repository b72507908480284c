"""From a blank form to a folder that is a pack, or nearly one, and what is left to do."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from perfeval.errors import PackError
from perfeval.findings import Finding
from perfeval.labels import likeness, words_of
from perfeval.layout import Layout, compile_layout
from perfeval.memory import PROPERTIES, is_memory_sheet
from perfeval.numbers import decimal_text
from perfeval.pack import Pack, available, load_pack, pack_folder
from perfeval.propose.groups import FoundGroup, groups_of, printed_hints
from perfeval.propose.rulesfile import Draft, rules_text
from perfeval.propose.survey import Survey, survey
from perfeval.propose.vocabulary import Vocabulary, vocabulary_of
from perfeval.workbook.grid import Sheet, open_book
from perfeval.workbook.guard import BadWorkbook, read_file
from perfeval.workbook.stamp import stamped

__all__ = ["Proposal", "propose"]

_PLAIN = re.compile(r"[{}#%]")  # the form may come from anybody: its words must not end the comment they stand in
_TO_FILL_IN = re.compile(r"[(\uff08《〈][_*×Xx]*[)\uff09》〉]")  # brackets left open for a name
_TWO_DECIMALS, _PERCENT = 2, 10  # built-in number formats 0.00 and 0.00%


@dataclass(frozen=True, slots=True)
class Proposal:
    """The files of a proposed pack, and what its author has to do."""

    files: dict[str, bytes]  # name inside the folder → content
    base: str  # id of the pack it extends
    found: tuple[str, ...]  # what was recognised, in sentences
    left: tuple[str, ...]


def propose(form: Path, pack_id: str, templates: Path | None = None, out: Path = Path()) -> Proposal:
    """A pack for the blank form `form`, to be put below `out`.

    Raises PackError when the id is taken or there is nothing to go on, OSError when the form is unreadable.
    """
    if pack_id in available(templates):
        raise PackError(
            f"编号「{pack_id}」已经是一个评分体系:{pack_folder(pack_id, templates)}。同一个编号会盖住它,"
            "延用它的评分体系也就不能用了。改法:换一个 --id,例如「mycity-2026」。"
        )
    try:
        book = open_book(read_file(form))
    except BadWorkbook as bad:
        finding: Finding = bad.finding()
        raise PackError(f"{form}:{finding.message}\n改法:{finding.fix}") from bad
    if book.package is None or book.package.binary:
        raise PackError(f"{form} 不是 .xlsx 工作簿。改法:用 WPS 或 Excel 打开,另存为“Excel 工作簿(*.xlsx)”后再运行。")
    sheet = book.sheets[0]
    layouts = [compile_layout(load_pack(name, templates)) for name in available(templates)]
    # Words nearest to this form are asked first.
    layouts.sort(key=lambda layout: -likeness(words_of(sheet), layout))
    words = vocabulary_of(layouts)
    found = survey(sheet, words)
    if not found.data:
        raise PackError(
            f"{form} 的第一个工作表「{sheet.name}」认不出指标表:\n" + "\n".join(f"  {line}" for line in found.left)
        )
    base = _base(layouts, found)
    groups = groups_of(found)
    left = [*found.left, *_left(found, groups)]
    execution, printed = _execution(found, sheet, groups)
    if execution is not None and not printed:
        left.append(f"预算执行率的分值表上没有印,暂写 {decimal_text(execution)},请在 rules.toml 核对。")
    title = _title(sheet)
    draft = Draft(
        id=pack_id,
        folder=out / pack_id,
        title=title,
        year=None,
        base=base,
        groups=groups,
        execution=execution,
        titles=found.titles,
        required=[path for path in dict.fromkeys((*base.required, *_asked(found))) if path in found.paths],
        kinds={
            g.name: known.words
            for g in groups
            if (known := words.group(g.name)) and known.words and known.name == g.name
        },
    )
    part = next(ref for ref in book.package.sheets if ref.part == sheet.part)
    files = {
        "form.xlsx": stamped(
            book.package,
            part,
            found.texts,
            found.data,
            _formats(found, groups, base),
            drop_sheets={each.name for each in book.sheets if is_memory_sheet(each)},
            drop_properties=PROPERTIES,
        ),
        "rules.toml": rules_text(draft).encode(),
        **_narrative(found, words, base),
    }
    return Proposal(files, base.id, tuple(_recognised(found, groups, execution)), tuple(left))


def _base(layouts: Sequence[Layout], found: Survey) -> Pack:
    """The likest pack that stands by itself and has no narrative section the form lacks."""
    whole = [layout.pack for layout in layouts if "extends" not in _raw(layout.pack)]
    fitting = [pack for pack in whole if all(key in found.sections for key in pack.narrative if key[0] != "_")]
    return (fitting or whole)[0]


def _raw(pack: Pack) -> dict[str, object]:
    return tomllib.loads((pack.folder / "rules.toml").read_text(encoding="utf-8-sig"))


def _execution(found: Survey, sheet: Sheet, groups: Sequence[FoundGroup]) -> tuple[Decimal | None, bool]:
    """Points for the execution rate, and whether they are printed in their place; else what the groups leave of 100."""
    if "funds.score" not in found.paths:
        return None, False
    position = next((p for p, text in found.texts.items() if text == "{{ funds.points }}"), None)
    printed = sheet.cells[position].number if position in sheet.cells else None
    rest = 100 - sum((group.points or Decimal(0) for group in groups), Decimal(0))
    known = rest > 0 and all(group.points is not None for group in groups)
    return printed or (rest if known else Decimal(10)), printed is not None


def _formats(found: Survey, groups: Sequence[FoundGroup], base: Pack) -> dict[tuple[int, int], int]:
    """Number formats for places that are computed: a rate in percent, two decimals where numbers go on for ever."""
    endless = base.rounding.total == "unrounded" or any(group.weights == "equal" for group in groups)
    formats = {}
    for position, text in found.texts.items():
        if text.startswith("{{ funds.execution_rate"):
            formats[position] = _PERCENT
        elif endless and text.startswith("{{") and text.endswith((".weight }}", ".score }}")):
            formats[position] = _TWO_DECIMALS
    return formats


def _title(sheet: Sheet) -> str:
    first = min((p for p, cell in sheet.cells.items() if cell), default=(1, 1))
    return _TO_FILL_IN.sub("", "".join(sheet.at(*first).text.split()))[:40] or sheet.name


def _asked(found: Survey) -> list[str]:
    return [path for path in ("unit_name", "project") if path in found.paths]


def _left(found: Survey, groups: Sequence[FoundGroup]) -> list[str]:
    left = [
        f"一级指标“{group.name}”没有认出分值,请在 rules.toml 补上 points。" for group in groups if group.points is None
    ]
    if not groups:
        left.append("没有认出一级指标、二级指标,请在 rules.toml 里写 [[groups]]。")
    hints = list(dict.fromkeys(printed_hints(found)))
    if hints:
        left.append(f"表中印有没有分值的三级指标,没有写进规则:{'、'.join(hints[:5])}{'等' if len(hints) > 5 else ''}。")
    return left


def _recognised(found: Survey, groups: Sequence[FoundGroup], execution: Decimal | None) -> list[str]:
    heads = "、".join(title.replace("\n", "") for title in found.titles.values())
    said = [f"指标表的列:{heads}", f"一级指标:{'、'.join(group.name for group in groups) or '(无)'}"]
    if execution is not None:
        said.append("预算执行率按资金栏计分")
    said.append(f"填写处 {len(found.paths)} 处" + (f",文字部分 {len(found.sections)} 节" if found.sections else ""))
    return said


def _narrative(found: Survey, words: Vocabulary, base: Pack) -> dict[str, bytes]:
    """Text blocks for the sections: those of the base are inherited, known ones copied, others begun."""
    owners = dict(words.headings.values())
    blocks: dict[str, str] = {}
    for section, heading in found.sections.items():
        owner = owners.get(section)
        if section in base.narrative:
            continue
        if owner is not None and section in owner.narrative:
            blocks[section] = owner.narrative[section]
            blocks |= {key: text for key, text in owner.narrative.items() if key.startswith("_")}
        else:
            words_only = _PLAIN.sub(" ", heading)
            blocks[section] = (
                f"{{# {words_only}:单位没有填写时,由这里代拟。名称与 form.xlsx 中的相同;空一行另起一段。 #}}\n"
                '{% if year %}{{ year }}年{% endif %}{{ project or "本项目" }}未填列本节内容。\n'
            )
    return {f"narrative/{section}.j2": text.encode() for section, text in blocks.items()}
