"""engines/gguf.py against gguf-py itself, byte for byte; `python tests/conformance/test_gguf.py` records
tests/golden/gguf.json from it."""

import json
import platform
import sys
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from helpers import Extra, needs

from refquant.engines import gguf as ours

pytestmark = pytest.mark.conformance
theirs = Extra("gguf", "conformance")

FORMATS = {"q8_0": (34, 127), "q4_0": (18, 8), "q4_1": (20, 15)}  # bytes a block, steps from 0 to the end
MILLION = 2**20


def engine(direction: str, name: str, data: Any) -> Any:
    """gguf.quants.quantize or dequantize; the casts that it leaves undefined warn."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return getattr(theirs.quants, direction)(data, theirs.GGMLQuantizationType[name.upper()])


def beside(x: Any, rng: np.random.Generator) -> Any:
    return np.where(rng.random(x.shape) < 0.4, x, np.nextafter(x, rng.choice(np.float32([np.inf, -np.inf]), x.shape)))


def reals(rng: np.random.Generator, blocks: int, steps: int) -> Any:
    """Blocks whose ends give a step and whose values are codes and ties of it; bit patterns; tiny, huge, zero ones."""
    shape = (blocks, 32)
    with np.errstate(all="ignore"):
        d = np.exp2(rng.uniform(-12, 8, (blocks, 1)))
        d = np.where(rng.random(d.shape) < 0.4, np.exp2(np.round(np.log2(d))), d).astype(np.float32)
        low = rng.choice(np.float32([0, 0, -7.5, 3]), d.shape) * d
        points = beside((rng.integers(-2 * steps, 2 * steps + 1, shape) * (d / 2) + low).astype(np.float32), rng)
        place = rng.integers(0, 32, (2, blocks))
        points[np.arange(blocks), place[0]] = (rng.choice([-1, 1], blocks) * steps * d[:, 0] + low[:, 0])
        one = rng.random(blocks) < 0.5  # the range from low to low + steps * d: Q4_1's
        points[one] = np.where(points[one] < low[one], 2 * low[one] - points[one], points[one])
        points[one, place[1][one]] = low[one, 0]
        bits = rng.integers(0, 2**32, shape, np.uint32).view(np.float32)
        finite = np.where(np.isfinite(bits), bits, 0)
        powers = (rng.normal(size=shape) * np.exp2(rng.integers(-150, 128, (blocks, 1)))).astype(np.float32)
        subnormal = rng.integers(0, 2**23, shape, np.uint32).view(np.float32) * rng.choice(np.float32([-1, 1]), shape)
        special = np.where(rng.random(shape) < 0.03, rng.choice(np.float32([np.inf, -np.inf, np.nan]), shape), points)
        equal = np.where(rng.random(shape) < 0.9, d, -d)  # the largest magnitude several times, both signs; constants
        kinds = [points, bits, finite, powers, subnormal, special, equal, np.repeat(d, 32, axis=1), 0 * points]
    kind = rng.choice(len(kinds), (blocks, 1), p=[0.6, 0.05, 0.05, 0.1, 0.05, 0.05, 0.06, 0.02, 0.02])
    return np.choose(kind, kinds).astype(np.float32)


def stored(rng: np.random.Generator, blocks: int, name: str) -> Any:
    """Any bytes: every float16 as a scale, every code."""
    return rng.integers(0, 256, (blocks, FORMATS[name][0]), np.uint8)


def shapes(rng: np.random.Generator, blocks: int) -> tuple[int, ...]:
    return [(-1,), (blocks, -1), (4, blocks // 16, -1)][rng.integers(3)]


def test_engine_and_processor(capsys: pytest.CaptureFixture[str]) -> None:
    needs("gguf", "conformance")
    with capsys.disabled():
        print(f"\ngguf {version('gguf')}, numpy {np.__version__}, {platform.machine()}")
    assert version("gguf") == "0.19.0"


@pytest.mark.parametrize("name", FORMATS)
def test_quantize(name: str) -> None:
    rng, compared = np.random.default_rng(1), 0
    while compared < 4 * MILLION:
        x = reals(rng, 8192, FORMATS[name][1]).reshape(shapes(rng, 8192))
        if rng.random() < 0.1:
            with np.errstate(all="ignore"):
                x = x.astype(rng.choice([np.float16, np.float64]))
        q, expected = getattr(ours, f"quantize_{name}")(x), engine("quantize", name, x)
        assert q.dtype == expected.dtype and q.shape == expected.shape
        wrong = np.argwhere(q != expected)
        assert not len(wrong), (len(wrong), wrong[0], q[tuple(wrong[0])], expected[tuple(wrong[0])])
        compared += x.size


@pytest.mark.parametrize("name", FORMATS)
def test_dequantize(name: str) -> None:
    rng, compared = np.random.default_rng(2), 0
    while compared < 4 * MILLION:
        data = stored(rng, 8192, name).reshape(shapes(rng, 8192))
        x_hat, expected = getattr(ours, f"dequantize_{name}")(data), engine("dequantize", name, data)
        assert x_hat.dtype == expected.dtype and x_hat.shape == expected.shape
        assert (np.isnan(x_hat) == np.isnan(expected)).all()
        assert (x_hat.view(np.uint32) == expected.view(np.uint32))[~np.isnan(expected)].all()
        compared += x_hat.size


@pytest.mark.parametrize(("name", "size"), {"mxfp4": 17, "nvfp4": 36, "q4_k": 144}.items())
def test_dequantize_floats_and_superblocks(name: str, size: int) -> None:
    rng, compared = np.random.default_rng(6), 0
    while compared < 4 * MILLION:
        data = rng.integers(0, 256, (8192, size), np.uint8)
        if name == "mxfp4":
            data[:, 0] = np.minimum(data[:, 0], 252)  # what lies beyond overflows in one of the two
        if name == "nvfp4":
            data[:, :4] &= 127  # a scale has no sign
        x_hat, expected = getattr(ours, f"dequantize_{name}")(data), engine("dequantize", name, data)
        assert x_hat.dtype == expected.dtype and x_hat.shape == expected.shape
        same = (x_hat == expected) | (np.isnan(x_hat) & np.isnan(expected))
        assert same.all(), (np.argwhere(~same)[0], x_hat[~same][0], expected[~same][0])
        compared += x_hat.size


def test_quantize_mxfp4() -> None:
    rng, compared = np.random.default_rng(7), 0
    while compared < 2 * MILLION:
        x = beside((rng.integers(-24, 25, (8192, 32)) / 4).astype(np.float32), rng)
        x = x * np.exp2(rng.integers(-40, 40, (8192, 1))).astype(np.float32)
        x[:, 0] = beside(np.exp2(rng.integers(-40, 40, 8192)).astype(np.float32) * 8, rng)
        x[::50] = 0
        assert (ours.quantize_mxfp4(x) == engine("quantize", "mxfp4", x)).all()
        compared += x.size


def test_rows_that_are_no_blocks_are_refused_by_both() -> None:
    for name, (size, _) in FORMATS.items():
        for direction, data in (("quantize", np.zeros(33, np.float32)), ("dequantize", np.zeros(size + 1, np.uint8))):
            with pytest.raises((ValueError, theirs.quants.QuantError)):
                engine(direction, name, data)
            with pytest.raises(ValueError, match="last axis"):
                getattr(ours, f"{direction}_{name}")(data)


def record() -> dict[str, Any]:
    """gguf-py's own results, small: what tests/engines/test_engine_gguf.py checks without it."""
    rng, cases = np.random.default_rng(4), []
    for name, (_, steps) in FORMATS.items():
        x, data = reals(rng, 40, steps), stored(rng, 5, name)
        x = x[~np.isnan(x).any(axis=1) & ~np.isinf(x.max(axis=1) - x.min(axis=1))][:15]  # whose NaN is a processor's
        cases += [{"format": name, "x": [float(v).hex() for v in block], "stored": engine("quantize", name, block)
                   .tobytes().hex()} for block in x]
        cases += [{"format": name, "stored": block.tobytes().hex(),
                   "x_hat": [float(v).hex() for v in engine("dequantize", name, block)]} for block in data]
    return {"engine": "gguf", "version": version("gguf"), "machine": platform.machine(), "cases": cases}


if __name__ == "__main__":
    path = Path(__file__).parents[1] / "golden" / "gguf.json"
    text = json.dumps(record(), separators=(",", ":")).replace('{"format"', '\n{"format"')
    path.write_text(text + "\n", encoding="utf-8")
    print(f"{path}: {path.stat().st_size:,} bytes")
