"""Scores a form by the rules of its pack: weights, completion, scores, groups, total – all exact, each step recorded.

    evaluation, findings = evaluate(form, pack)

Numbers are `Fraction` from the texts people typed to the total; rounding happens once, where the pack says. What
cannot be computed is a finding at its cell: the row then keeps the clerk's own score as unverified, or has none.
"""

from __future__ import annotations

from perfeval.calculator.evaluation import evaluate
from perfeval.calculator.funds import amount

__all__ = ["amount", "evaluate"]
