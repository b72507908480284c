"""A digest as a few bytes: made where the file was read, kept as it is until its part of the summary is written.

Objects would have to be taken apart, sent, put together and taken apart again for the store, which cost more than
making them. The bytes never outlive the run that made them.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable, Iterable
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from perfeval.summary.digest import Digest, FormDigest, Funds, GroupScore, digest

if TYPE_CHECKING:
    from perfeval.pipeline import Outcome

__all__ = ["Head", "Packed", "Unpacker", "both", "digested", "packed", "unpacked_lines"]

T = TypeVar("T")


class Packed(NamedTuple):
    """A digest to be sent and stored."""

    status: str
    own: bool  # a summary written by this program
    problems: int  # how many
    parts: tuple[bytes, bytes, bytes]  # what the file and its forms come to, their indicators, its problems


class Head(NamedTuple):
    """What a file comes to."""

    path: str
    output: str | None
    modified: int
    forms: list[tuple[FormDigest, int, int]]  # without their lines; how many there were, and how many fell short


def digested(outcome: Outcome) -> Packed:
    """The digest of one file, ready to be sent."""
    return packed(digest(outcome))


def both(outcome: Outcome, reduce: Callable[[Outcome], T]) -> tuple[T, Packed]:
    """What `reduce` makes of an outcome, and its digest: for runs that print and sum up at once."""
    return reduce(outcome), digested(outcome)


def packed(file: Digest) -> Packed:
    """A digest as bytes."""
    head = (file.path, file.output, file.modified, [_form(form) for form in file.forms])
    lines = [list(map(tuple, form.lines)) for form in file.forms]
    problems = list(map(tuple, file.problems))
    parts = (marshal.dumps(head), marshal.dumps(lines), marshal.dumps(problems))
    return Packed(file.status, file.own, len(problems), parts)


def unpacked_lines(part: bytes) -> Any:
    """The indicators of each form, or the problems of the file, as plain tuples."""
    return marshal.loads(part)  # noqa: S302 - what `packed` made, in this run


class Unpacker:
    """Makes heads of bytes; equal texts and numbers of many forms become one object."""

    def __init__(self) -> None:
        self._same: dict[Any, Any] = {}
        self._fractions: dict[str, Fraction] = {}

    def __call__(self, part: bytes) -> Head:
        path, output, modified, forms = marshal.loads(part)  # noqa: S302 - what `packed` made, in this run
        return Head(path, output, modified, [self._form(*form) for form in forms])

    def _form(
        self,
        texts: tuple[str, ...],
        numbers: tuple[Any, ...],
        full_marks: str,
        shown: str | None,
        funds: tuple[str, ...],
        groups: Iterable[tuple[str, str, str | None]],
    ) -> tuple[FormDigest, int, int]:
        sheet, form_id, pack, title, unit, department, project, status, exact, grade = texts
        revision, year, errors, warnings, indicators, missed = numbers
        sheet, pack, title, unit, department, status, grade = map(
            self._one, (sheet, pack, title, unit, department, status, grade)
        )
        money, *amounts = funds
        form = FormDigest(
            sheet,
            form_id,
            revision,
            pack,
            title,
            self._fraction(full_marks),
            unit,
            department,
            project,
            year,
            status,
            Funds(self._one(money), *(None if amount is None else Decimal(amount) for amount in amounts)),
            tuple(
                GroupScore(self._one(name), self._fraction(points), None if score is None else Decimal(score))
                for name, points, score in groups
            ),
            exact,
            None if shown is None else Decimal(shown),
            grade,
            errors,
            warnings,
            (),
        )
        return form, indicators, missed

    def _one(self, text: str) -> str:
        found: str = self._same.setdefault(text, text)
        return found

    def _fraction(self, text: str) -> Fraction:
        found = self._fractions.get(text)
        if found is None:
            found = self._fractions[text] = Fraction(text)
        return found


def _form(form: FormDigest) -> tuple[Any, ...]:
    funds = form.funds
    return (
        (
            form.sheet,
            form.form_id,
            form.pack,
            form.pack_title,
            form.unit,
            form.department,
            form.project,
            form.status,
            form.exact,
            form.grade,
        ),
        (
            form.revision,
            form.year,
            form.errors,
            form.warnings,
            len(form.lines),
            sum(line.fell_short for line in form.lines),
        ),
        str(form.full_marks),
        _text(form.shown),
        (funds.unit, _text(funds.budget), _text(funds.allocated), _text(funds.spent)),
        [(group.name, str(group.points), _text(group.score)) for group in form.groups],
    )


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)
