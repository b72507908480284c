"""Packs: a city and year as a folder of data (评分体系), found, loaded and proofed.

A pack holds `form.xlsx` (layout, see `perfeval.layout`), `rules.toml` (everything this package reads) and
`narrative/*.j2` (text blocks). Nothing in Python knows any city; every number carries its source.
"""

from __future__ import annotations

from perfeval.pack.folders import (
    available,
    built_in_stamp,
    check_pack,
    is_built_in,
    load_folder,
    load_pack,
    pack_folder,
    templates_folders,
)
from perfeval.pack.model import (
    HOUSE,
    Band,
    Criterion,
    Execution,
    FixedIndicator,
    Group,
    KindRule,
    Method,
    NotApplicable,
    Pack,
    Rounding,
    Scoring,
    Setting,
    Source,
)

__all__ = [
    "HOUSE",
    "Band",
    "Criterion",
    "Execution",
    "FixedIndicator",
    "Group",
    "KindRule",
    "Method",
    "NotApplicable",
    "Pack",
    "Rounding",
    "Scoring",
    "Setting",
    "Source",
    "available",
    "built_in_stamp",
    "check_pack",
    "is_built_in",
    "load_folder",
    "load_pack",
    "pack_folder",
    "templates_folders",
]
