"""Where packs lie, and the way from a folder to a checked `Pack`.

Packs named by `--templates` come before those of PERFEVAL_TEMPLATES, and both before the built-in ones. A pack is
read once per process, and again when one of its files changes.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from functools import cache, lru_cache
from pathlib import Path

from perfeval.errors import PackError
from perfeval.files import reason
from perfeval.findings import Finding, Severity
from perfeval.pack.consistency import check_consistency, check_dates, check_misplaced, check_sources_used
from perfeval.pack.merge import laid_over
from perfeval.pack.model import Pack
from perfeval.pack.rules import parse_rules
from perfeval.pack.table import Problems, did_you_mean, listed
from perfeval.patterns import lazy_pattern
from perfeval.record import record

__all__ = [
    "available",
    "built_in_stamp",
    "check_pack",
    "is_built_in",
    "load_folder",
    "load_pack",
    "pack_folder",
    "templates_folders",
]

ENVIRONMENT = "PERFEVAL_TEMPLATES"
RULES = "rules.toml"
FORM = "form.xlsx"
NARRATIVE = "narrative"
_POSITION = lazy_pattern(r"line (\d+), column (\d+)")


def load_pack(pack_id: str, templates: Path | None = None) -> Pack:
    """The pack `pack_id`; PackError, saying what to do, when it is missing or invalid."""
    return load_folder(pack_folder(pack_id, templates))


def load_folder(folder: Path) -> Pack:
    """The pack in `folder`; PackError when it is invalid."""
    pack, findings = _read(folder, _stamp(folder))
    faults = [finding for finding in findings if finding.severity is Severity.ERROR]
    if pack is None or faults:
        lines = "\n".join(f"  {finding.code} {finding.message}" for finding in faults[:5])
        more = f"\n  ……共 {len(faults)} 处" if len(faults) > 5 else ""
        raise PackError(
            f"评分体系「{folder.name}」({folder})有错误,不能使用:\n{lines}{more}\n"
            f"改法:按提示修改后再运行;全部问题可用「perfeval packs check {folder}」查看。"
        )
    return pack


def pack_folder(pack_id: str, templates: Path | None = None) -> Path:
    """The folder of the pack `pack_id`; PackError naming the nearest id when there is none."""
    found = _folders(templates)
    if pack_id in found:
        return found[pack_id]
    known = listed(found)
    raise PackError(
        f"没有评分体系「{pack_id}」。{did_you_mean(pack_id, found)}现有:{known}。"
        f"改法:从现有的里面选一个;自己的评分体系用 --templates 指明所在文件夹。"
    )


def available(templates: Path | None = None) -> tuple[str, ...]:
    """Ids of all packs that can be asked for, whether valid or not."""
    return tuple(sorted(_folders(templates)))


def templates_folders(templates: Path | None = None) -> tuple[Path, ...]:
    """Folders of packs, the first one wins."""
    named = [templates] if templates else []
    listed_there = os.environ.get(ENVIRONMENT, "").split(os.pathsep)
    named.extend(Path(text.strip()).expanduser() for text in listed_there if text.strip())
    for folder in named:
        try:
            there = folder.is_dir()
        except OSError as error:
            raise _closed(folder, error) from error
        if not there:
            raise PackError(
                f"评分体系所在的文件夹「{folder}」不存在。改法:核对 --templates 或环境变量 {ENVIRONMENT} 所写的路径。"
            )
    return (*named, *_built_in())


def is_built_in(folder: Path) -> bool:
    """Whether the pack in `folder` came with the program."""
    return folder.parent in _built_in()


def built_in_stamp() -> bytes:
    """Changes with what stands in the files of the built-in packs, which may extend each other."""
    whole = hashlib.blake2b()
    for folder in (folder for parent in _built_in() for folder in sorted(parent.iterdir())):
        for path in (folder / RULES, folder / FORM, *sorted((folder / NARRATIVE).glob("*.j2"))):
            try:
                data = path.read_bytes()
            except OSError:  # said when the pack is read
                continue
            whole.update(b"%b\0%d\0%b" % (os.fsencode(path), len(data), data))
    return whole.digest()


def check_pack(folder: Path, today: dt.date | None = None) -> tuple[Finding, ...]:
    """Everything that is wrong, or that a person should look at, in the rules of the pack in `folder`."""
    if not folder.is_dir():
        raise PackError(
            f"文件夹「{folder}」不存在。改法:写评分体系所在的文件夹,其中应有 {RULES}、{FORM} 和 {NARRATIVE}。"
        )
    pack, findings = _read(folder, _stamp(folder))
    problems = Problems(RULES)
    if pack is not None:
        check_dates(pack, today or dt.date.today(), problems)
    return (*findings, *problems.findings)


@cache
def _built_in() -> tuple[Path, ...]:
    """Packs travel inside the installed package; in a source checkout they lie beside it."""
    package = Path(__file__).parents[1]
    return tuple(folder for folder in (package / "templates", package.parent / "templates") if folder.is_dir())[:1]


def _folders(templates: Path | None) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for parent in templates_folders(templates):
        try:
            entries = sorted(parent.iterdir())
        except OSError as error:
            raise _closed(parent, error) from error
        for entry in entries:
            if _holds_rules(entry) and not entry.name.startswith("."):  # a pack that is just being written
                found.setdefault(entry.name, entry)
    return found


def _closed(folder: Path, error: OSError) -> PackError:
    return PackError(f"评分体系所在的文件夹「{folder}」打不开:{reason(error)}。改法:请确认您有打开它的权限。")


def _holds_rules(folder: Path) -> bool:
    """Whether `folder` is a pack; one that cannot be looked into is said when it is read."""
    try:
        return (folder / RULES).is_file()
    except OSError:
        return True


def _stamp(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Names, times and sizes of the files of a pack."""
    found = []
    for part in (folder, folder / NARRATIVE):
        try:
            with os.scandir(part) as entries:
                listed = list(entries)
        except OSError:  # named by the check when it matters
            continue
        for entry in listed:
            with suppress(OSError):  # a link that leads nowhere
                status = entry.stat()
                found.append((entry.path, status.st_mtime_ns, status.st_size))
    return tuple(sorted(found))


@record(frozen=True, slots=True)
class _Raw:
    """A pack as it lies on disk: its own tables and texts, nothing understood yet."""

    values: Mapping[str, object]
    narrative: Mapping[str, str]


@lru_cache(maxsize=64)
def _read(folder: Path, stamp: tuple[tuple[str, int, int], ...]) -> tuple[Pack | None, tuple[Finding, ...]]:
    """Read, lay over, understand and check; `stamp` makes the cache notice a changed file."""
    del stamp
    problems = Problems(RULES)
    own = _raw(folder, problems)
    if own is None:
        return None, tuple(problems.findings)
    values, narrative, form_folder = own.values, own.narrative, folder
    if "extends" in own.values:
        base_folder = _base_folder(folder, own.values["extends"], problems)
        base = _raw(base_folder, problems) if base_folder else None
        if base is None or base_folder is None:
            return None, tuple(problems.findings)
        if "extends" in base.values:
            problems.add(
                "PAK016", "extends", value=str(own.values["extends"]), reason="它自己也延用别的评分体系;只能延用一层"
            )
            return None, tuple(problems.findings)
        values = laid_over(base.values, own.values, problems)
        narrative = {**base.narrative, **own.narrative}
        form_folder = folder if (folder / FORM).is_file() else base_folder
    if not (form_folder / FORM).is_file():
        problems.add("PAK001", FORM, value=FORM)
    pack = parse_rules(values, folder, form_folder, narrative, problems)
    if not any(finding.severity is Severity.ERROR for finding in problems.findings):
        check_consistency(pack, problems)
        check_sources_used(_keys(own.values, "sources"), problems)
        check_misplaced(_keys(own.values, "words"), pack, problems)
        if pack.id != folder.name:
            problems.add("PAK017", "id", value=pack.id, expected=folder.name)
    usable = not any(finding.severity is Severity.ERROR for finding in problems.findings)
    return pack if usable else None, tuple(problems.findings)


def _keys(values: Mapping[str, object], table: str) -> tuple[str, ...]:
    stated = values.get(table)
    return tuple(stated) if isinstance(stated, Mapping) else ()


def _base_folder(folder: Path, named: object, problems: Problems) -> Path | None:
    """The folder of the pack that `folder` extends: beside it, else among the built-in ones."""
    known: dict[str, Path] = {}
    for parent in (*_built_in(), folder.parent):
        with suppress(OSError):  # a folder that may be passed through but not listed
            known |= {entry.name: entry for entry in sorted(parent.iterdir())}
    known = {name: entry for name, entry in known.items() if name != folder.name and _holds_rules(entry)}
    if isinstance(named, str) and named in known:
        return known[named]
    hint = did_you_mean(named, known) if isinstance(named, str) else ""
    problems.add("PAK016", "extends", value=str(named), reason=f"没有这个评分体系。{hint}可以延用:{listed(known)}")
    return None


def _raw(folder: Path, problems: Problems) -> _Raw | None:
    path = folder / RULES
    try:
        if not path.is_file():
            problems.add("PAK001", RULES, value=RULES)
            return None
        values = _values(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        problems.add("PAK002", RULES, reason=f"第 {error.start + 1} 个字节处不是 UTF-8 编码;请用 UTF-8 另存")
        return None
    except ValueError as error:
        problems.add("PAK002", RULES, reason=f"{_place(str(error))}不合 TOML 的写法,或者同一个键写了两次")
        return None
    except OSError as error:
        problems.add("PAK002", RULES, reason=f"打不开({reason(error)})")
        return None
    narrative = {}
    try:
        blocks = sorted(path for path in (folder / NARRATIVE).iterdir() if path.suffix == ".j2")
    except (FileNotFoundError, NotADirectoryError):
        blocks = []
    except OSError as error:
        problems.add("PAK002", NARRATIVE, reason=f"打不开({reason(error)})")
        return None
    for block in blocks:
        try:
            narrative[block.stem] = block.read_text(encoding="utf-8-sig")
        except OSError as error:
            problems.add("PAK002", f"{NARRATIVE}/{block.name}", reason=f"打不开({reason(error)})")
        except UnicodeDecodeError as error:
            place = f"{NARRATIVE}/{block.name}"
            problems.add("PAK002", place, reason=f"第 {error.start + 1} 个字节处不是 UTF-8 编码;请用 UTF-8 另存")
    return _Raw(values, narrative)


@lru_cache(maxsize=16)
def _values(text: str) -> Mapping[str, object]:
    """What a `rules.toml` says; kept, for every pack that extends another one asks for that again."""
    import tomllib  # not where every pack is known from an earlier run

    return tomllib.loads(text, parse_float=Decimal)


def _place(message: str) -> str:
    """Where the TOML parser stopped, from its English message."""
    match = _POSITION.search(message)
    return f"第 {match[1]} 行第 {match[2]} 列附近" if match else "文件末尾"
