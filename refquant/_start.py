"""Ctrl-C while the command line still loads NumPy ends it without a traceback; in other programs nothing changes."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

#: `python -m refquant`, whose first argument is "-m" until it is loaded; or the script of this name.
IS_COMMAND = (sys.argv[:1] == ["-m"] and "refquant" in sys.orig_argv) or Path("".join(sys.argv[:1])).stem == "refquant"

if IS_COMMAND and threading.current_thread() is threading.main_thread() and (
        signal.getsignal(signal.SIGINT) is signal.default_int_handler):
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until study.cli hears it
