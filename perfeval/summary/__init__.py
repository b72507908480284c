"""The summary (汇总): ranking, units, indicators, misses, problems and who is missing, over many forms."""

from __future__ import annotations

from perfeval.summary.collect import Collection
from perfeval.summary.digest import Digest, digest
from perfeval.summary.making import Summary, rendered, summarise, write, write_free
from perfeval.summary.packed import Packed, both, digested

__all__ = [
    "Collection",
    "Digest",
    "Packed",
    "Summary",
    "both",
    "digest",
    "digested",
    "rendered",
    "summarise",
    "write",
    "write_free",
]
