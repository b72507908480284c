"""Packs for tests: a folder that extends a built-in pack and states what differs."""

from __future__ import annotations

from pathlib import Path

from perfeval.pack import Pack, load_folder


def write_pack(folder: Path, rules: str = "", *, extends: str = "jiangmen-2024") -> Path:
    """A pack in `folder` that differs from `extends` by `rules`."""
    folder.mkdir(parents=True, exist_ok=True)
    head = f'id = "{folder.name}"\ntitle = "测试用评分体系"\nversion = "1"\nextends = "{extends}"\n'
    (folder / "rules.toml").write_text(head + rules, encoding="utf-8")
    return folder


def pack_like(folder: Path, rules: str = "", *, extends: str = "jiangmen-2024") -> Pack:
    """The same, loaded."""
    return load_folder(write_pack(folder, rules, extends=extends))
