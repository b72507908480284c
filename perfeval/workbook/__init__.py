"""Workbooks as files: any format read into one grid, OOXML packages written part by part."""
