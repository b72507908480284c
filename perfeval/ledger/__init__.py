"""The ledger (台账): which files were done, with what result, so that nothing is done or counted twice.

One SQLite file in the output folder. It only remembers: every finished workbook stands without it, and a damaged
ledger is set aside and fills again as the files are looked at. Order is that of recording, never that of the clock.
"""

from __future__ import annotations

from perfeval.ledger.records import Entry, FormLine, entry_of, file_key, options_key
from perfeval.ledger.store import FOLDER, Ledger, ledger_path, open_ledger, refuse_links
from perfeval.ledger.versions import Submission, submissions

__all__ = [
    "FOLDER",
    "Entry",
    "FormLine",
    "Ledger",
    "Submission",
    "entry_of",
    "file_key",
    "ledger_path",
    "open_ledger",
    "options_key",
    "refuse_links",
    "submissions",
]
