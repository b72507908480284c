"""Findings of stage SYS."""

from __future__ import annotations

from perfeval.findings import Code

CODES: tuple[Code, ...] = ()
