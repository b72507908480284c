"""Findings of stage SYS: our own faults, never the clerk's."""

from __future__ import annotations

from perfeval.findings import Code, Severity

CODES: tuple[Code, ...] = (
    Code(
        id="SYS001",
        severity=Severity.ERROR,
        title="程序出错",
        message="处理「{path}」时程序自身出错({error}),这不是您的填报问题。其他文件不受影响,原文件没有改动。",
        fix="请把错误记录和这份表格(可先删去敏感内容)一起发给维护人员。",
        why="程序遇到了没有预料到的情况;这份文件没有写出结果。",
        example="",
    ),
    Code(
        id="SYS002",
        severity=Severity.ERROR,
        title="处理进程意外结束",
        message="处理「{path}」的进程被系统中止,可能是内存不足,也可能是程序出错。其他文件不受影响。",
        fix="请关闭其他程序后用 --jobs 1 单独重试这一份;仍然如此时,请把它发给维护人员。",
        why="操作系统在内存不足时会直接结束占用内存最多的进程。",
        example="",
    ),
)
