"""Findings of stage TPL."""

from __future__ import annotations

from perfeval.findings import Code

CODES: tuple[Code, ...] = ()
