"""Which files a run touches, what the results are called, and that one bad file never stops the others."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import pytest

from perfeval import batch, pipeline
from perfeval.errors import PackError, PathError, UsageError
from perfeval.findings import Finding
from perfeval.pipeline import Options, Outcome
from perfeval.planning import OnExists, Plan, Task, output_name, plan_check, plan_fill
from perfeval.stages import Staged, Turn


def put(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"workbook")


def planned(plan: Plan, out: Path) -> list[str]:
    return [str(task.target.relative_to(out)) for task in plan.tasks if task.target is not None]


def codes(plan: Plan) -> list[tuple[str, str]]:
    told = [(task.path.name, finding.code) for task in plan.tasks for finding in task.findings]
    return told + [(entry.path.name, entry.finding.code) for entry in plan.skipped]


# ---- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("自评表.xlsx", "自评表_评分表.xlsx"),
        ("自评表.XLS", "自评表_评分表.xlsx"),
        ("自评表.et", "自评表_评分表.xlsx"),
        ("自评表.ods", "自评表_评分表.xlsx"),
        ("带宏.xlsm", "带宏_评分表.xlsm"),
        ("带宏.XLTM", "带宏_评分表.xlsm"),
        ("自评表_评分表.xlsx", "自评表_评分表.xlsx"),
        ("自评表_评分表_2.xlsx", "自评表_评分表.xlsx"),
        ("自评表_评分表 (1).xlsx", "自评表_评分表.xlsx"),
        ("自评表_评分表\uff082\uff09.xlsx", "自评表_评分表.xlsx"),
        ("自评表_评分表_2024.xlsx", "自评表_评分表_2024_评分表.xlsx"),  # a year is part of the name
        ("_评分表.xlsx", "_评分表_评分表.xlsx"),
        ("2024.12 汇总.xlsx", "2024.12 汇总_评分表.xlsx"),
        ("没有扩展名", "没有扩展名_评分表.xlsx"),
    ],
)
def test_output_names(name: str, result: str) -> None:
    assert output_name(name) == result
    assert output_name(result) == result


@pytest.mark.parametrize("stem", ["绩" * 83, "a" + "绩" * 82, "绩" * 77 + " " + "效" * 5, "\udcbc\udca8" * 124])
def test_a_name_as_long_as_disks_allow_leaves_room_for_the_suffix_and_a_number(stem: str, tmp_path: Path) -> None:
    inbox, out = tmp_path / "收", tmp_path / "果"
    for folder in (inbox, out):
        folder.mkdir()
    (inbox / f"{stem}.xlsx").write_bytes(b"")  # the disk takes it
    name = output_name(f"{stem}.xlsx")
    assert output_name(name) == name
    assert name.endswith("_评分表.xlsx")
    (out / name).write_bytes(b"")
    (target,) = (task.target for task in plan_fill([inbox], out).tasks)
    assert target is not None
    assert target.name == name.replace("_评分表", "_评分表_2")
    target.write_bytes(b"")  # and this one too


def test_long_names_that_differ_only_at_the_end_have_results_of_their_own(tmp_path: Path) -> None:
    inbox = tmp_path / "收"
    inbox.mkdir()
    for end in "甲乙":
        (inbox / f"{'绩' * 82}{end}.xlsx").write_bytes(end.encode())
    first, second = plan_fill([inbox], tmp_path / "果").tasks
    assert first.target != second.target
    assert [finding.code for finding in second.findings] == ["BAT001"]


# ---- which files -----------------------------------------------------------------------------------------------------


def test_folders_are_read_in_order_without_what_is_no_workbook(tmp_path: Path) -> None:
    inbox = tmp_path / "收件箱"
    put(
        inbox, "10号.xlsx", "2号.xls", "1号.et", "单位乙/表.ods", "单位乙/深/表.xlsm", "单位甲/表.xlsb", "大写.XLSX",
        "~$10号.xlsx", ".~2号.xls", ".隐藏.xlsx", ".隐藏夹/表.xlsx", "~临时.xlsx", "__MACOSX/表.xlsx",
        "说明.docx", "佐证.pdf", "下载.xlsx.crdownload", ".~perfeval-00.tmp",
    )  # fmt: skip
    out = tmp_path / "结果"
    assert planned(plan_fill([inbox], out), out) == [
        "1号_评分表.xlsx",
        "2号_评分表.xlsx",
        "10号_评分表.xlsx",
        "大写_评分表.xlsx",
        "单位乙/表_评分表.xlsx",
        "单位乙/深/表_评分表.xlsm",
        "单位甲/表_评分表.xlsx",
    ]
    assert [task.path for task in plan_check([inbox]).tasks] == [task.path for task in plan_fill([inbox], out).tasks]


def test_files_named_on_the_command_line_are_taken_whatever_they_are_called(tmp_path: Path) -> None:
    put(tmp_path, "表.dat", ".隐藏.xlsx", "~$表.xlsx")
    plan = plan_check([tmp_path / "表.dat", tmp_path / ".隐藏.xlsx", tmp_path / "~$表.xlsx"])
    assert [task.path.name for task in plan.tasks] == ["表.dat", ".隐藏.xlsx"]
    assert codes(plan) == [("~$表.xlsx", "BAT005")]


def test_a_file_reached_twice_is_done_once(tmp_path: Path) -> None:
    put(tmp_path, "收/表.xlsx")
    (tmp_path / "别名.xlsx").symlink_to(tmp_path / "收/表.xlsx")
    plan = plan_check([tmp_path / "收", tmp_path / "收/表.xlsx", tmp_path / "收/../收/表.xlsx", tmp_path / "别名.xlsx"])
    assert [task.path for task in plan.tasks] == [tmp_path / "收/表.xlsx"]


def test_names_that_differ_only_in_case_are_two_files(tmp_path: Path) -> None:
    put(tmp_path, "收/a.xlsx", "收/A.xlsx")
    out = tmp_path / "结果"
    plan = plan_fill([tmp_path / "收"], out)
    assert len(plan.tasks) == 2
    assert len({name.casefold() for name in planned(plan, out)}) == 2  # they must not meet on a Windows share


@pytest.mark.parametrize("make", ["missing", "broken link", "folder link to itself", "fifo"])
def test_what_cannot_be_read_is_a_fault_of_that_path_only(tmp_path: Path, make: str) -> None:
    put(tmp_path, "好.xlsx")
    bad = tmp_path / "坏.xlsx"
    if make == "broken link":
        bad.symlink_to(tmp_path / "没有")
    elif make == "folder link to itself":
        bad.symlink_to(bad)
    elif make == "fifo":
        os.mkfifo(bad)
    plan = plan_check([bad, tmp_path / "好.xlsx"])
    assert [task.fault for task in plan.tasks] == [True, False]
    assert codes(plan)[0][1] in ("BAT002", "BAT003")
    report, _ = batch.run(plan.tasks[:1] * 2, Options(), status_of)
    assert (report.status, report.path) == ("failed", bad)


def test_links_out_of_the_folder_are_told_not_followed(tmp_path: Path) -> None:
    put(tmp_path, "收/甲/表.xlsx", "别处/秘密.xlsx", "别处/夹/秘密.xlsx")
    (tmp_path / "收/链接.xlsx").symlink_to(tmp_path / "别处/秘密.xlsx")
    (tmp_path / "收/链接夹").symlink_to(tmp_path / "别处/夹")
    (tmp_path / "收/说明.txt").symlink_to(tmp_path / "别处/秘密.xlsx")
    (tmp_path / "收/里面.xlsx").symlink_to(tmp_path / "收/甲/表.xlsx")
    (tmp_path / "收/甲/绕圈").symlink_to(tmp_path / "收")
    plan = plan_check([tmp_path / "收"])
    assert [task.path for task in plan.tasks] == [tmp_path / "收/甲/表.xlsx"]
    assert sorted(codes(plan)) == [("链接.xlsx", "BAT004"), ("链接夹", "BAT004")]


def test_folder_that_is_a_link_itself_was_asked_for(tmp_path: Path) -> None:
    put(tmp_path, "真/单位/表.xlsx")
    (tmp_path / "收").symlink_to(tmp_path / "真")
    out = tmp_path / "结果"
    assert planned(plan_fill([tmp_path / "收"], out), out) == ["单位/表_评分表.xlsx"]


def test_folder_without_workbooks_is_told(tmp_path: Path) -> None:
    put(tmp_path, "空/说明.txt")
    assert codes(plan_check([tmp_path / "空"])) == [("空", "BAT006")]


def test_folder_without_rights_is_a_fault_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "收/甲/表.xlsx", "收/锁/表.xlsx")
    scandir = os.scandir

    def locked(folder: Path) -> Iterator[os.DirEntry[str]]:
        if Path(folder).name == "锁":
            raise PermissionError(errno.EACCES, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", locked)
    plan = plan_check([tmp_path / "收"])
    assert [(task.path.name, task.fault) for task in plan.tasks] == [("表.xlsx", False), ("锁", True)]
    assert codes(plan) == [("锁", "BAT003")]


# ---- results that would meet -----------------------------------------------------------------------------------------


def test_two_inputs_with_one_result_name_are_both_kept_and_named(tmp_path: Path) -> None:
    put(tmp_path, "收/表.xls", "收/表.xlsx", "另/表.xlsx")
    out = tmp_path / "结果"
    plan = plan_fill([tmp_path / "收", tmp_path / "另/表.xlsx"], out)
    assert planned(plan, out) == ["表_评分表.xlsx", "表_评分表_2.xlsx", "表_评分表_3.xlsx"]
    assert codes(plan) == [("表.xlsx", "BAT001"), ("表.xlsx", "BAT001")]
    assert str(tmp_path / "收/表.xls") in plan.tasks[1].findings[0].message


@pytest.mark.parametrize("on_exists", list(OnExists))
def test_an_existing_result(tmp_path: Path, on_exists: OnExists) -> None:
    put(tmp_path, "收/甲.xlsx", "收/乙.xlsx", "结果/甲_评分表.xlsx", "结果/甲_评分表_2.xlsx")
    out = tmp_path / "结果"
    plan = plan_fill([tmp_path / "收"], out, on_exists)
    expected = {
        OnExists.SUFFIX: (["乙_评分表.xlsx", "甲_评分表_3.xlsx"], [("甲.xlsx", "OUT006")]),
        OnExists.SKIP: (["乙_评分表.xlsx"], [("甲.xlsx", "OUT005")]),
        OnExists.OVERWRITE: (["乙_评分表.xlsx", "甲_评分表.xlsx"], []),
    }
    assert (planned(plan, out), codes(plan)) == expected[on_exists]


@pytest.mark.parametrize("on_exists", [OnExists.SKIP, OnExists.OVERWRITE])
def test_a_second_run_over_colliding_names_gives_the_same_names(tmp_path: Path, on_exists: OnExists) -> None:
    put(tmp_path, "收/表.xls", "收/表.xlsx")
    out = tmp_path / "结果"
    first = planned(plan_fill([tmp_path / "收"], out), out)
    put(out, *first)
    second = plan_fill([tmp_path / "收"], out, on_exists)
    assert planned(second, out) == ([] if on_exists is OnExists.SKIP else first)


@pytest.mark.parametrize("on_exists", list(OnExists))
def test_an_input_is_never_overwritten(tmp_path: Path, on_exists: OnExists) -> None:
    put(tmp_path, "表_评分表.xlsx")
    plan = plan_fill([tmp_path / "表_评分表.xlsx"], tmp_path, on_exists)
    assert planned(plan, tmp_path) == ["表_评分表_2.xlsx"]
    (said,) = plan.tasks[0].findings
    assert said.code == "OUT006" and "--out" in said.fix and "--on-exists" not in said.fix
    put(tmp_path, "表_评分表_2.xlsx")
    again = plan_fill([tmp_path / "表_评分表.xlsx"], tmp_path, on_exists)
    expected = {OnExists.SUFFIX: ["表_评分表_3.xlsx"], OnExists.SKIP: [], OnExists.OVERWRITE: ["表_评分表_2.xlsx"]}
    assert planned(again, tmp_path) == expected[on_exists]


def test_a_result_never_takes_the_name_of_a_later_input(tmp_path: Path) -> None:
    put(tmp_path, "a.xlsx", "a_评分表.xlsx")
    plan = plan_fill([tmp_path / "a.xlsx", tmp_path / "a_评分表.xlsx"], tmp_path, OnExists.OVERWRITE)
    assert planned(plan, tmp_path) == ["a_评分表_2.xlsx", "a_评分表_3.xlsx"]


@pytest.mark.parametrize("out", ["收", "收/结果", "收/没有/结果", "收/../收"])
def test_out_inside_an_input_folder_is_refused(tmp_path: Path, out: str) -> None:
    put(tmp_path, "收/表.xlsx")
    with pytest.raises(UsageError, match="里面"):
        plan_fill([tmp_path / "收"], tmp_path / out)


def test_out_inside_an_input_folder_by_a_link_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "收/表.xlsx")
    (tmp_path / "结果").symlink_to(tmp_path / "收")
    with pytest.raises(UsageError):
        plan_fill([tmp_path / "收"], tmp_path / "结果")


@pytest.mark.parametrize("out", ["收件", "结果"])  # 收件 begins like 收, yet is another folder
def test_out_beside_an_input_folder_is_fine(tmp_path: Path, out: str) -> None:
    put(tmp_path, "收/表.xlsx")
    assert len(plan_fill([tmp_path / "收"], tmp_path / out).tasks) == 1


def test_own_results_below_out_are_no_inputs_unless_named(tmp_path: Path) -> None:
    put(tmp_path, "结果/待处理/新.xlsx", "结果/待处理/旧_评分表.xlsx", "结果/待处理/旧_评分表_2.xlsx")
    out = tmp_path / "结果"
    assert planned(plan_fill([out / "待处理"], out), out) == ["新_评分表.xlsx"]
    assert planned(plan_fill([out / "待处理/旧_评分表.xlsx"], out), out) == ["旧_评分表.xlsx"]
    elsewhere = tmp_path / "别处"
    assert len(plan_fill([out / "待处理"], elsewhere).tasks) == 3  # returned forms are valid inputs


def test_out_that_is_a_file_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "表.xlsx", "结果")
    with pytest.raises(PathError):
        plan_fill([tmp_path / "表.xlsx"], tmp_path / "结果")


# ---- running ---------------------------------------------------------------------------------------------------------
# The pipeline is replaced by what the name of a file asks for; workers are forked and see the replacement.


def status_of(outcome: Outcome) -> str:
    return outcome.status


def process_of(outcome: Outcome) -> int:
    assert outcome.path
    return os.getpid()


def crashes_on_first(outcome: Outcome) -> str:
    if outcome.path.name == "1.xlsx" and outcome.bug is None:
        raise ZeroDivisionError("rendering")
    return outcome.path.name


def pretend(path: Path, options: Options) -> Staged[Outcome]:
    yield Turn.PASS
    if "杀" in path.name:
        os.kill(os.getpid(), signal.SIGKILL)
    if "包" in path.name:
        raise PackError("没有评分体系")
    return Outcome(path, findings=(Finding("OUT003", params={"path": str(path)}),))


@pytest.fixture
def pretending(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "inspecting", pretend)


def tasks(*names: str) -> list[Task]:
    return [Task(Path(name)) for name in names]


@pytest.mark.usefixtures("pretending")
@pytest.mark.parametrize(("number", "jobs"), [(0, 2), (1, 2), (5, 1), (7, 2), (200, 2)])
def test_reports_come_in_order_and_complete(number: int, jobs: int) -> None:
    todo = tasks(*(f"{index}.xlsx" for index in range(number)))
    reports = list(batch.run(todo, Options(), status_of, jobs=jobs))
    assert [report.path for report in reports] == [task.path for task in todo]
    assert {report.codes for report in reports} <= {("OUT003",)}


@pytest.mark.usefixtures("pretending")
def test_several_files_go_to_other_processes_one_does_not() -> None:
    many = {report.value for report in batch.run(tasks("1", "2", "3", "4"), Options(), process_of, jobs=2)}
    assert os.getpid() not in many
    assert {report.value for report in batch.run(tasks("1"), Options(), process_of, jobs=2)} == {os.getpid()}


@pytest.mark.usefixtures("pretending")
@pytest.mark.parametrize("number", [6, 150])
def test_a_worker_that_dies_costs_only_its_file(number: int) -> None:
    names = [f"{index}.xlsx" for index in range(number)]
    names[3] = "杀1.xlsx"
    names[-1] = "杀2.xlsx"
    reports = list(batch.run(tasks(*names), Options(), status_of, jobs=2))
    assert [report.path.name for report in reports] == names
    died = [report.path.name for report in reports if report.codes == ("SYS002",)]
    assert died == ["杀1.xlsx", "杀2.xlsx"]


@pytest.mark.usefixtures("pretending")
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_fault_of_rendering_is_a_finding_of_that_file(jobs: int) -> None:
    first, second = batch.run(tasks("1.xlsx", "2.xlsx"), Options(), crashes_on_first, jobs=jobs)
    assert first.codes == ("SYS001",)
    assert first.bug is not None
    assert "ZeroDivisionError" in first.bug
    assert first.value == "1.xlsx"
    assert second.codes == ("OUT003",)


@pytest.mark.usefixtures("pretending")
@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("number", [3, 100])  # one at a time, and several together
def test_a_pack_that_does_not_load_ends_the_run(jobs: int, number: int) -> None:
    names = [*map(str, range(number - 2)), "包", "后"]
    told = []
    with pytest.raises(PackError, match="没有评分体系"):
        for report in batch.run(tasks(*names), Options(), status_of, jobs=jobs):
            told.append(report.path.name)
    assert told == names[:-2]  # what was done before is told


@pytest.mark.usefixtures("pretending")
def test_another_engine_can_stand_in() -> None:
    started: list[int] = []

    def threads(jobs: int) -> Executor:
        started.append(jobs)
        return ThreadPoolExecutor(jobs)

    reports = list(batch.run(tasks(*"abcdef"), Options(), process_of, jobs=3, executor=threads))
    assert started == [3]
    assert {report.value for report in reports} == {os.getpid()}


def test_only_a_few_tasks_are_under_way_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []

    def note(path: Path, options: Options) -> Staged[Outcome]:
        begun.append(path.name)
        yield Turn.PASS
        return Outcome(path)

    monkeypatch.setattr(pipeline, "inspecting", note)
    reports: Iterator[object] = batch.run(
        tasks(*map(str, range(5000))), Options(), status_of, jobs=2, executor=ThreadPoolExecutor
    )
    next(reports)
    assert len(begun) <= 100  # memory does not grow with the number of files
    reports.close()  # type: ignore[attr-defined]
    assert len(begun) <= 100


def test_workers_end_when_the_parent_is_killed(tmp_path: Path) -> None:
    script = """if True:
        import os, sys, time
        from pathlib import Path
        from perfeval import batch, pipeline
        from perfeval.pipeline import Options, Outcome
        from perfeval.planning import Task
        from perfeval.stages import Turn
        def slow(path, options):
            time.sleep(0.05)
            yield Turn.PASS
            return Outcome(path)
        def process_of(outcome):
            return os.getpid()
        pipeline.inspecting = slow
        for report in batch.run([Task(Path("x"))] * 10000, Options(), process_of, jobs=2):
            print(report.value, flush=True)
    """
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    workers = {int(parent.stdout.readline()) for _ in range(12)}
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 10
    while any(is_running(worker) for worker in workers):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    parent.stdout.close()


def is_running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"  # ended, and nobody has asked how


def test_findings_of_planning_join_those_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "inspecting", pretend)
    note = Finding("BAT001", params={"path": "a", "other": "b", "output": "c"})
    (report,) = batch.run([Task(Path("1"), findings=(note,))], Options(), status_of)
    assert report.codes == ("OUT003", "BAT001")


@pytest.mark.parametrize("code", ["OUT006", "BAT001"])
def test_no_name_is_told_of_a_result_that_was_not_written(tmp_path: Path, code: str) -> None:
    (tmp_path / "坏.xlsx").write_bytes(b"nothing")
    names = {"path": "a", "other": "b", "output": "c", "option": "d"}
    for older in ((), (tmp_path / "旧.xlsx",)):
        task = Task(tmp_path / "坏.xlsx", tmp_path / "果.xlsx", older, (Finding(code, params=names),))
        (report,) = batch.run([task], Options(), status_of)
        assert report.codes == ("TPL002",)
