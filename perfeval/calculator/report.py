"""Collects the findings of one evaluation, each at its cell and in the words of the form."""

from __future__ import annotations

from perfeval.findings import Finding
from perfeval.model import Form, Indicator
from perfeval.pack import Pack

__all__ = ["Report"]


class Report:
    """The findings so far."""

    def __init__(self, form: Form, pack: Pack) -> None:
        self._sheet = form.sheet
        self._pack = pack
        self.findings: list[Finding] = []

    def add(self, code: str, indicator: Indicator, column: str, **params: str) -> None:
        """Report `code` at a column of an indicator's row."""
        label = f"{indicator.called} / {self.title(column)}"
        params.setdefault("name", indicator.called)
        self.findings.append(Finding(code, indicator.cell(column).ref, label, params, self._sheet))

    def sheet(self, code: str, label: str, cell: str = "", **params: str) -> None:
        """Report `code` where no row is."""
        self.findings.append(Finding(code, cell, label, params, self._sheet))

    def title(self, column: str) -> str:
        """What the form calls a column."""
        words = self._pack.columns.get(f"indicator.{column}")
        return words[0] if words else column
