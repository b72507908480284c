"""`perfeval explain`: what a code means, or how a score came about."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from perfeval.cli.console import Console
from perfeval.cli.words import Command
from perfeval.cli.work import exit_code_of, options_of, pack_options
from perfeval.errors import ExitCode, UsageError
from perfeval.findings import STAGES, Code, Finding, Severity, catalogue
from perfeval.numbers import exact_text, shown
from perfeval.patterns import lazy_pattern
from perfeval.render import Look, clean, code_lines, finding_lines, pad, row_lines, sum_lines

if TYPE_CHECKING:
    from perfeval.model import RowResult
    from perfeval.pipeline import FormOutcome, Outcome

__all__ = ["explain"]

_CODE = lazy_pattern(r"[A-Za-z]{3}\d{3}")
_CELL = lazy_pattern(r"(?:(?P<sheet>.*)[!\uff01])?\$?[A-Za-z]{1,3}\$?(?P<row>\d{1,7})")
_REASONS = ("TPL", "VAL", "WGT", "SCR")  # stages that can leave a row without a score


@click.command(cls=Command, short_help="解释一个代码,或一个得分怎么来的。")
@click.argument("subject", metavar="CODE|FILE", required=False)
@click.argument("cell", metavar="[CELL]", required=False)
@pack_options
@click.option("--json", "as_json", is_flag=True, help="只输出 JSON,供其他程序读取。")
def explain(
    subject: str | None,
    cell: str | None,
    pack: str | None,
    templates: Path | None,
    password: str | None,
    as_json: bool,
) -> ExitCode:
    """解释提示中的一个代码,或一个得分是怎么来的。

    perfeval explain              列出全部代码
    perfeval explain VAL003       这个代码是什么意思、怎么改
    perfeval explain 表.xlsx      每个三级指标的得分怎么来的
    perfeval explain 表.xlsx H23  只看 H23 所在的那一行
    """
    console = Console()
    if subject is None:
        codes = tuple(catalogue().values())
        console.result(_json([_code_object(code) for code in codes]) if as_json else _code_table(codes))
        return ExitCode.DONE
    if _CODE.fullmatch(subject) and not Path(subject).exists():
        code = _code(subject.upper())
        lines = code_lines(code, console.look)
        console.result(_json(_code_object(code)) if as_json else "".join(f"{line}\n" for line in lines))
        return ExitCode.DONE
    return _explain_file(console, Path(subject), cell, options_of(pack, templates, password), as_json)


def _explain_file(console: Console, path: Path, cell: str | None, options: Any, as_json: bool) -> ExitCode:
    from perfeval.batch import do
    from perfeval.planning import plan_check

    place = None if cell is None else _CELL.fullmatch(cell.strip())
    if cell is not None and place is None:
        raise UsageError(f"「{cell}」不是单元格的地址。请写成 H23 这样的列字母加行号。")
    plan = plan_check((path,))
    if os.path.isdir(path) or not plan.tasks:  # noqa: PTH112 - Path.is_dir raises without rights
        raise UsageError(f"「{path}」不是一个表格文件。请写出一个文件的路径。")
    outcome = do(plan.tasks[0], options)
    row = None if place is None else int(place["row"])
    forms = outcome.forms if place is None else _on_sheet(outcome.forms, place["sheet"])
    chosen = [(form, result) for form in forms for result in _results(form) if row in (None, _row(result))]
    if as_json:
        console.result(_json(_file_object(outcome, chosen)))
    else:
        for line in _score_lines(outcome, chosen, console.look, with_sums=row is None):
            console.result(line + "\n")
    if not outcome.forms:
        for finding in outcome.findings:
            console.message("\n".join(finding_lines(finding)))
        return exit_code_of([finding.code for finding in outcome.findings], faulty=True)
    if not chosen:
        rows = "、".join(dict.fromkeys(str(_row(result)) for form in forms for result in _results(form)))
        raise UsageError(f"{cell} 不在任何三级指标的行里。三级指标在第 {rows} 行。")
    return ExitCode.DONE


def _score_lines(
    outcome: Outcome, chosen: list[tuple[FormOutcome, RowResult]], look: Look, *, with_sums: bool
) -> Iterator[str]:
    """The chosen rows form by form, then the sums of each form."""
    for form in outcome.forms:
        if not with_sums and all(owner is not form for owner, _ in chosen):
            continue
        digits = form.pack.rounding.digits
        if len(outcome.forms) > 1:
            yield look.paint(f"【{clean(form.form.sheet)}】", "strong")
        for owner, result in chosen:
            if owner is form:
                yield from row_lines(result, digits, look)
                for finding in _reasons(outcome, form, result):
                    yield from finding_lines(finding, look, "  ")
                yield ""
        if with_sums:
            yield from sum_lines(form.evaluation, digits, look)


def _on_sheet(forms: Sequence[FormOutcome], sheet: str | None) -> Sequence[FormOutcome]:
    """The forms on the sheet that an address such as `'项目 2'!H15` names."""
    if sheet is None or not forms:
        return forms
    name = sheet.strip()
    if len(name) > 1 and name[0] == name[-1] == "'":
        name = name[1:-1].replace("''", "'")
    found = [form for form in forms if form.form.sheet.casefold() == name.casefold()]
    if not found:
        there = "、".join(f"「{form.form.sheet}」" for form in forms)
        raise UsageError(f"没有名为「{name}」的评分表。这个文件里的评分表在工作表{there}。")
    return found


def _reasons(outcome: Outcome, form: FormOutcome, result: RowResult) -> Iterator[Finding]:
    """Why a row has no score: what was found at its cells and is no mere note."""
    if result.score is not None:
        return
    cells = {cell.ref for cell in result.indicator.cells.values() if cell.ref}
    for finding in outcome.findings:
        there = finding.sheet == form.form.sheet and finding.cell in cells
        if there and finding.code[:3] in _REASONS and finding.severity is not Severity.NOTE:
            yield finding


def _results(form: FormOutcome) -> tuple[RowResult, ...]:
    """Every scored row; that of the funds comes first, as it does in the form."""
    funds = form.evaluation.funds_score
    return form.evaluation.rows if funds is None else (funds, *form.evaluation.rows)


def _row(result: RowResult) -> int:
    """The row an address has to name; that of the funds is where their score stands."""
    place = _CELL.fullmatch(result.indicator.cell("score").ref)
    return result.indicator.row or (int(place["row"]) if place else 0)


def _code(code_id: str) -> Code:
    codes = catalogue()
    if code_id in codes:
        return codes[code_id]
    from difflib import get_close_matches  # only where a word is not known

    near = "、".join(get_close_matches(code_id, codes, n=3, cutoff=0.6))
    stage = STAGES.get(code_id[:3])
    hint = f"相近的有:{near}。" if near else ""
    about = f"{code_id[:3]} 是「{stage}」类。" if stage else f"代码的前三个字母是 {'、'.join(STAGES)} 之一。"
    raise UsageError(f"没有代码「{code_id}」。{hint}{about}全部代码可用「perfeval explain」列出。")


def _code_table(codes: tuple[Code, ...]) -> str:
    lines: list[str] = []
    stage = ""
    for code in codes:
        if code.id[:3] != stage:
            stage = code.id[:3]
            lines += ["", f"{stage} {STAGES[stage]}"]
        lines.append(f"  {code.id}  {pad(code.severity.label, 4)}  {code.title}")
    return "".join(f"{line}\n" for line in lines[1:])


def _code_object(code: Code) -> dict[str, str]:
    severity: Severity = code.severity
    return {
        "code": code.id,
        "severity": severity.value,
        "title": code.title,
        "message": code.message,
        "fix": code.fix,
        "why": code.why,
        "example": code.example,
    }


def _file_object(outcome: Outcome, chosen: list[tuple[FormOutcome, RowResult]]) -> dict[str, Any]:
    from perfeval.jsonout import finding_object

    return {
        "version": 1,
        "path": str(outcome.path),
        "status": outcome.status,
        "indicators": [
            {
                "sheet": form.form.sheet,
                "row": result.indicator.row,
                "name": result.indicator.name,
                "score": None
                if result.score is None
                else {"exact": exact_text(result.score), "shown": shown(result.score, form.pack.rounding.digits)},
                "steps": [
                    {
                        "rule": step.rule,
                        "formula": step.formula,
                        "value": exact_text(step.value),
                        "source": step.source,
                    }
                    for step in result.steps
                ],
            }
            for form, result in chosen
        ],
        "findings": [finding_object(finding) for finding in outcome.findings],
    }


def _json(value: object) -> str:
    from perfeval.jsonout import dumps

    return dumps(value) + "\n"
