"""Proposes a pack from an official blank form: the words of the packs that are there tell what its cells mean."""

from __future__ import annotations

from perfeval.propose.folder import Proposal, propose

__all__ = ["Proposal", "propose"]
