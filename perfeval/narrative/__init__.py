"""The narrative below the table, section by section: what the clerk wrote, else a draft from the numbers.

    render(pack, form, evaluation) → {"spending": "2024年…", "goals": "…", …}

The drafts are Jinja text blocks of the pack (`narrative/<section>.j2`; those beginning with "_" are for including).
They run in Jinja's sandbox and know the names of `perfeval.narrative.context`, the placeholders of the form; what a
cell says is a value there and never a template. Line ends of a block are for reading only; a blank line begins a
paragraph.
"""

from __future__ import annotations

from perfeval.narrative.blocks import render

__all__ = ["render"]
