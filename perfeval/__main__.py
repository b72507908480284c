"""`python -m perfeval` is the command `perfeval`."""

from __future__ import annotations

from perfeval.cli import main

if __name__ == "__main__":
    main()
