"""What several test files use."""

import importlib
import os
import re
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import refquant as rq
from refquant import mlp


def needs(module: str, extra: str) -> Any:
    """The module of an optional extra; without it the test is skipped with a reason, in CI it fails."""
    if os.environ.get("CI"):
        return importlib.import_module(module)
    return pytest.importorskip(module, reason=f"needs {module}: pip install -e '.[{extra}]'")


def chromium() -> str:
    """The browser's path; without it the test is skipped with a reason."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    return found or pytest.skip("needs Chromium: chromium, chromium-browser or google-chrome")


class Extra:
    """The module of an optional extra, which the first test that uses it imports: a file of tests needs no engine."""

    def __init__(self, module: str, extra: str) -> None:
        self._needed = module, extra

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # pytest asks every object of a module for such names
            raise AttributeError(name)
        return getattr(needs(*self._needed), name)


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


def nearest(grid: Any, v: Any) -> Any:
    """The nearest of the grid's values, in float64: ties to the even code, of a codebook to the lower value (R4)."""
    values, v = grid.values, np.asarray(v, np.float64)
    i = np.searchsorted((values[1:] + values[:-1]) / 2, v)  # a tie goes to the lower one
    up = np.minimum(i + 1, len(values) - 1)
    even = np.arange(len(values)) % 2 == np.searchsorted(values, 0) % 2  # codes count from 0, away on both sides
    tie = (v == (values[i] + values[up]) / 2) & even[up] & (not isinstance(grid, rq.Codebook))
    return values[np.where(tie, up, i)]


def header(text: str, version: bytes = b"\x01\x00", length: int | None = None) -> bytes:
    size = len(text) if length is None else length
    return b"\x93NUMPY" + version + size.to_bytes(2 if version[0] == 1 else 4, "little") + text.encode()


class Bomb:
    """Unpickled, it makes a file."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str, str]]:
        return open, (os.environ["REFQUANT_BOMB"], "w")


def other_predictions(qnet: mlp.QuantizedNet, x: Any) -> int:
    """For how many rows the integers predict another class than the simulation. In each of these the two largest logits
    lie within one INT16 step, or a hidden code differs."""
    net = mlp.deploy(qnet)
    q, y = rq.quantize(np.asarray(x, np.float32), net.input), np.asarray(x, np.float32)
    hidden = np.zeros(len(q), bool)
    for i, (layer, integer) in enumerate(zip(qnet.layers, net.layers, strict=True)):
        assert isinstance(layer.activation, rq.AffineParams)
        hidden |= (rq.quantize(y, layer.activation) != q).any(axis=1)
        y, q = mlp.linear(layer, y), mlp.integer_linear(integer, q)
        y = y if i + 1 == len(net.layers) else np.maximum(y, 0)
    other = y.argmax(axis=1) != q.argmax(axis=1)
    assert (y == mlp.forward_quantized(qnet, x)).all() and (q == mlp.forward_integer(qnet, x)).all()
    second, first = np.sort(y[other & ~hidden].astype(float), axis=1)[:, -2:].T
    assert ((first - second) / float(net.output.scale) <= 1 + 1e-3).all()
    return int(other.sum())
