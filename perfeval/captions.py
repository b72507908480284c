"""The words a clerk sees before a header field or a section, as they are said in messages."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from perfeval.layout import Layout, Slot

__all__ = ["captions", "usual_name"]

# What a clerk calls a header field or a section; the tool's own vocabulary, the same for every pack.
_FIELD_NAMES: Mapping[str, str] = {
    "unit_name": "填报单位名称",
    "department": "主管部门",
    "project": "项目名称",
    "year": "评价年度",
    "contact.name": "联系人",
    "contact.phone": "联系电话",
    "contact.email": "联系邮箱",
    "legal_basis": "实施文件依据",
    "project_level": "项目级次",
    "funds.budget": "预算计划安排",
    "funds.allocated": "实际分配下达",
    "funds.spent": "实际支出金额",
    "total.score": "合计",
    "total.weight": "权重合计",
    "goal.expected": "预期总体目标",
    "goal.achieved": "是否如期实现预期总体目标",
    "narrative.spending": "资金支出情况",
    "narrative.goals": "资金完成绩效目标情况",
    "narrative.uses": "资金分用途使用成效",
    "narrative.other": "其他情况说明",
    "narrative.problems": "资金使用绩效存在的问题",
    "narrative.improvements": "改进意见",
    "narrative.expiring_funds": "到期资金",
}
_PARTS: Mapping[str, str] = {"own_level": "市本级", "transferred": "转移支付至下级"}
_COLONS = (":", "\uff1a")


@lru_cache(maxsize=64)
def captions(layout: Layout) -> dict[str, str]:
    """Header fields and sections by path, each with the words a clerk sees before it."""
    labels = {}
    for path, slot in layout.places.items():
        if path.startswith("narrative."):
            words = [other.text for other in layout.slots if other.row < slot.row and other.column == 1][-1:]
        else:
            head = layout.above.get(slot)
            words = _words_before(layout, slot) if head is None else [*_row_label(layout, slot), head.text]
        label = " / ".join("".join(word.split()) for word in words) or slot.text
        label = label.strip().rstrip(":\uff1a(\uff08")
        if path in _FIELD_NAMES and (not label or _is_title(layout, slot)):
            label = usual_name(path)
        labels[path] = label
    return labels


def usual_name(path: str) -> str:
    """What a header field or section is called where the form does not say."""
    known = _FIELD_NAMES.get(path)
    if known is not None:
        return known
    parent, _, part = path.rpartition(".")
    return f"{_FIELD_NAMES.get(parent, parent)}({_PARTS.get(part, part)})"


def _is_title(layout: Layout, slot: Slot) -> bool:
    """Whether the words before a value name the form, as in 「评分表(某项目)」, and not the value.

    They stand over everything else, alone in their row, and no colon leads from them to the value.
    """
    words = slot.text.rstrip()
    alone = len(layout.by_row[slot.row]) == 1 and slot.row < layout.header_top
    return alone and words != "" and not words.endswith(_COLONS)


def _row_label(layout: Layout, slot: Slot) -> list[str]:
    """The last label before a place in its own row, or of a cell that goes down beside it."""
    before = [s for s in layout.slots if s.span.top <= slot.row <= s.span.bottom and s.column < slot.column]
    return [s.text for s in sorted(before, key=lambda s: s.column) if s.is_label][-1:]


def _words_before(layout: Layout, slot: Slot) -> list[str]:
    """The label right before a place, after the words that head the whole row."""
    before = [s for s in layout.slots if s.span.top <= slot.row <= s.span.bottom and s.column < slot.column]
    before.sort(key=lambda s: s.column)
    heads: list[str] = []
    for other in before:
        if other.path:
            # The last word before the row's first place belongs to that place alone.
            nearest_label = [s.text for s in before if s.path is None and s.column > other.column][-1:]
            return [*heads[:-1], *nearest_label]
        heads.append(other.text)
    return heads
