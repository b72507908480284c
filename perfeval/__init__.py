"""perfeval: fills official 绩效自评评分表 workbooks – reads what clerks typed, scores it exactly, writes the form.

The library in four names, loaded when first used:

    pack = perfeval.load_pack("jiangmen-2024")
    outcome = perfeval.fill(Path("表.xlsx"), Path("表_评分表.xlsx"), perfeval.Options())
    form, findings = perfeval.read_form(sheet, layout)
    evaluation, findings = perfeval.evaluate(form, pack)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from perfeval.calculator import evaluate
    from perfeval.pack import load_pack
    from perfeval.pipeline import Options, fill, inspect
    from perfeval.reader import read_form

__all__ = ["Options", "__version__", "evaluate", "fill", "inspect", "load_pack", "read_form"]
__version__ = "0.1.0"

_HOMES = {
    "Options": "perfeval.pipeline",
    "evaluate": "perfeval.calculator",
    "fill": "perfeval.pipeline",
    "inspect": "perfeval.pipeline",
    "load_pack": "perfeval.pack",
    "read_form": "perfeval.reader",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'perfeval' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
