"""What several test files use."""

import importlib
import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

slow = pytest.mark.skipif(not os.environ.get("CI_SLOW"), reason="takes seconds, and CI runs it: set CI_SLOW")


def needs(module: str, extra: str) -> Any:
    """The module of an optional extra; without it the test is skipped with a reason, in CI it fails."""
    if os.environ.get(f"CI_{extra.upper()}"):
        return importlib.import_module(module)
    return pytest.importorskip(module, reason=f"needs the extra `{extra}`: pip install -e '.[{extra}]'")


def hears_interrupts() -> None:
    """For a child process, before it starts: a shell that runs tests in the background has its children ignore ^C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def refused(kind: type[Exception] | tuple[type[Exception], ...], *parts: object) -> Iterator[None]:
    """The block raises `kind`, in the house's one form of message, which holds every part."""
    with pytest.raises(kind) as raised:
        yield
    message = str(raised.value)
    assert re.fullmatch(r"[\w ]+: .+; got .+\. Hint: .+\.", message, re.DOTALL), message
    for part in parts:
        assert str(part) in message, f"{part!r} is not in: {message}"
