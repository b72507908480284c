"""The direction of imports and the other rules of the design that a reader cannot check by eye."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "perfeval"

# Component (module or package directly below perfeval) → layer. Imports point to the same layer or downwards.
LAYERS = {
    "record": 0, "patterns": 0, "model": 0, "numbers": 0, "findings": 0, "errors": 0, "stages": 0,
    "quantity": 1, "pack": 1, "files": 1, "kept": 1,
    "workbook": 2,
    "layout": 3, "labels": 3, "places": 3, "sections": 3, "locate": 3, "tablehead": 3, "captions": 3, "drift": 3,
    "splitcols": 3, "recognise": 3, "reader": 3, "calculator": 3, "review": 3, "narrative": 3,
    "canvas": 3, "paging": 3, "tableplan": 3, "writer": 3, "announcing": 3, "assemble": 3, "memory": 3, "merging": 3,
    "recording": 3, "outcome": 3,
    "pipeline": 4,
    "planning": 5, "proof": 5, "propose": 5, "batch": 5, "jsonout": 5, "render": 5, "packview": 5,
    "ledger": 5, "watch": 5, "summary": 5, "roster": 5, "diff": 5, "mail": 5,
    "cli": 6, "__main__": 6,
}  # fmt: skip

# Third-party package → the components that may import it.
THIRD_PARTY = {
    "click": {"cli"},
    "jinja2": {"narrative", "mail"},
    "lxml": {"workbook"},
    "python_calamine": {"workbook"},
    "msoffcrypto": {"workbook"},
    "pandas": {"summary", "roster"},
    "openpyxl": {"summary"},
    "watchfiles": {"watch"},
    "imap_tools": {"mail"},
    "keyring": {"mail"},
    "olefile": {"mail"},
    "oxmsg": {"mail"},
}
# Slow to load or not always installed: only inside the function that needs them.
LAZY = {"watchfiles", "pandas", "openpyxl", "msoffcrypto", "jinja2", "imap_tools", "keyring", "olefile", "oxmsg"}


@dataclass(frozen=True, slots=True)
class Import:
    """One import statement, resolved to the module it names."""

    module: str  # the importing module, "perfeval.cli.work"
    target: str  # "perfeval.batch" or "click"
    line: int
    lazy: bool  # inside a function
    typing_only: bool  # under `if TYPE_CHECKING`

    @property
    def component(self) -> str:
        """First name below perfeval of the importing module."""
        return component(self.module)


def component(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "perfeval"


@cache
def sources() -> dict[str, Path]:
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(sources()[module].read_text(encoding="utf-8"))


@cache
def imports() -> tuple[Import, ...]:
    return tuple(entry for module in sources() for entry in walk(module, tree(module), lazy=False, typing_only=False))


def walk(module: str, node: ast.AST, *, lazy: bool, typing_only: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(module, alias.name, child.lineno, lazy, typing_only)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, f"{module}:{child.lineno} relative import"
            for alias in child.names:
                whole = f"{child.module}.{alias.name}"
                yield Import(
                    module, whole if whole in sources() else str(child.module), child.lineno, lazy, typing_only
                )
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            yield from walk(module, child, lazy=lazy, typing_only=True)
        else:
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from walk(module, child, lazy=lazy or inside, typing_only=typing_only)


def own(entry: Import) -> bool:
    return entry.target.partition(".")[0] == "perfeval"


def test_every_component_has_a_layer() -> None:
    assert {component(module) for module in sources()} - {"perfeval"} - set(LAYERS) == set()


def test_imports_point_downwards() -> None:
    wrong = [
        f"{entry.module}:{entry.line} imports {entry.target}"
        for entry in imports()
        if own(entry) and not entry.typing_only and entry.component in LAYERS and component(entry.target) in LAYERS
        if LAYERS[component(entry.target)] > LAYERS[entry.component]
    ]
    assert not wrong


def test_no_module_imports_itself_by_a_detour() -> None:
    graph: dict[str, set[str]] = {module: set() for module in sources()}
    for entry in imports():
        if own(entry) and not entry.typing_only and entry.target != entry.module:
            graph[entry.module].add(entry.target)
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " → ".join((*path[path.index(module) :], module))
        if module in done:
            return
        for target in sorted(graph.get(module, ())):
            # A package gathers its own modules; that they import each other is no detour.
            if not target.startswith(f"{module}.") and not module.startswith(f"{target}."):
                visit(target, (*path, module))
        done.add(module)

    for module in graph:
        visit(module, ())


def test_third_party_packages_stay_where_they_belong() -> None:
    wrong = []
    for entry in imports():
        name = entry.target.partition(".")[0]
        if own(entry) or name in sys.stdlib_module_names or name == "__future__":
            continue
        if entry.component not in THIRD_PARTY.get(name, ()):
            wrong.append(f"{entry.module}:{entry.line} imports {name}")
        elif name in LAZY and not (entry.lazy or entry.typing_only):
            wrong.append(f"{entry.module}:{entry.line} imports {name} when it is loaded")
    assert not wrong


@pytest.mark.parametrize("module", sources())
def test_modules_are_short_and_say_what_they_are_for(module: str) -> None:
    text = sources()[module].read_text(encoding="utf-8")
    docstring = ast.get_docstring(tree(module)) or ""
    assert docstring.partition("\n")[0].endswith((".", ":", "。")) or "\n" in docstring, "a sentence comes first"
    assert "from __future__ import annotations" in text or len(text.splitlines()) < 5
    assert len(text.splitlines()) <= 400 or "400 lines" in docstring


def literals(module: str) -> Iterator[tuple[int, str]]:
    """String constants that are not docstrings."""
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree(module))
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.lineno, node.value


# Examples in messages name cells; units of measure look like them (M2).
WORDS = ("findings", "quantity")


@pytest.mark.parametrize("module", [module for module in sources() if component(module) not in WORDS])
def test_no_city_and_no_cell_address_stands_in_code(module: str) -> None:
    packs = {rules.parent.name for rules in (ROOT / "templates").glob("*/rules.toml")}
    cities = {name.partition("-")[0] for name in packs} | {"江门"}
    for line, text in literals(module):
        assert not any(word in text for word in cities), f"{module}:{line} {text}"
        assert not re.fullmatch(r"\$?[A-Z]{1,2}\$?(?!1$)[1-9]\d{0,2}", text), f"{module}:{line} {text}"


def test_only_numbers_rounds() -> None:
    """Rounding anywhere else would be a second opinion on a score."""
    for module in sources():
        if module == "perfeval.numbers" or component(module) not in ("calculator", "review", "writer", "narrative"):
            continue
        for node in ast.walk(tree(module)):
            if isinstance(node, ast.Call):
                name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
                assert name not in ("round", "quantize"), f"{module}:{node.lineno} {name}"
