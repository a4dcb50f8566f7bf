"""Ctrl-C while the command line still loads NumPy shows no traceback; in other programs nothing changes."""

from __future__ import annotations

import os.path
import sys
from types import TracebackType

#: `python -m refquant`, whose first argument is "-m" until it is loaded; or the script of this name.
IS_COMMAND = (sys.argv[:1] == ["-m"] and "refquant" in sys.orig_argv) or (
    os.path.basename("".join(sys.argv[:1])).partition(".")[0] == "refquant")


def quietly(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """sys.excepthook, silent after Ctrl-C."""
    if kind is not KeyboardInterrupt:
        sys.__excepthook__(kind, error, traceback)


if IS_COMMAND:
    sys.excepthook = quietly
