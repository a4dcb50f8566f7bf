"""What several test files use."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def refused(kind: type[Exception] | tuple[type[Exception], ...], *parts: object) -> Iterator[None]:
    """The block raises `kind`, in the house's one form of message, which holds every part."""
    with pytest.raises(kind) as raised:
        yield
    message = str(raised.value)
    assert re.fullmatch(r"[\w ]+: .+; got .+\. Hint: .+\.", message, re.DOTALL), message
    for part in parts:
        assert str(part) in message, f"{part!r} is not in: {message}"
