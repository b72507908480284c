"""perfeval: fills official 绩效自评评分表 workbooks."""

__version__ = "0.1.0"
