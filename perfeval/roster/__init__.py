"""The roster (名册): who is to hand in what; forms handed out from it, submissions held against it."""

from __future__ import annotations

from perfeval.roster.matching import Match, match
from perfeval.roster.names import near, same_name
from perfeval.roster.reading import Roster, RosterRow, read_roster

__all__ = ["Match", "Roster", "RosterRow", "match", "near", "read_roster", "same_name"]
