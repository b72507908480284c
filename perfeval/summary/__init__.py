"""The summary (汇总): ranking, units, indicators, misses, problems and who is missing, over many forms."""

from __future__ import annotations

from perfeval.summary.collect import Collection
from perfeval.summary.digest import Digest, both, digest
from perfeval.summary.making import Summary, rendered, summarise, write

__all__ = ["Collection", "Digest", "Summary", "both", "digest", "rendered", "summarise", "write"]
