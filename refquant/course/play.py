"""The tables behind the page to play with: the page looks them up, so no arithmetic is written twice."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..affine import AffineParams, dequantize, fake_quantize, quantize
from ..calibration import dynamic_params
from ..grids import E2M1, E4M3, NF4, UINT4, Grid, IntGrid
from ..ranges import affine_params, symmetric_params

FORMATS: dict[str, Grid] = {**{f"INT{bits}": IntGrid(bits, narrow=True) for bits in (2, 3, 4, 5, 6, 8)},
                            "E2M1 (FP4)": E2M1, "NF4": NF4, "E4M3 (FP8)": E4M3}
CLIPS = np.round(np.geomspace(0.3, 10, 60), 3)  # in standard deviations
SAMPLE = np.array([0.1, 0.35, 0.6, 1.0])
MATE = np.array([0.2, 0.0, 1.0, 0.5])
SIZES = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0)


@cache
def tables() -> dict[str, Any]:
    """Both toys: clip[data][format] holds decibels at each of CLIPS, ladder[size][mate] codes and reals."""
    return {"clip": {"clips": CLIPS.tolist(), "data": {name: _clipped(x) for name, x in _data().items()}},
            "ladder": {"sizes": list(SIZES), "mates": [0.0, *SIZES],
                       "at": [[_ladders(size, mate) for mate in (0.0, *SIZES)] for size in SIZES]}}


def _data() -> dict[str, NDArray[Any]]:
    """Three tensors of standard deviation 1."""
    rng = np.random.default_rng(0)
    drawn = {"normal": rng.standard_normal(2**12), "heavy tails (Laplace)": rng.laplace(size=2**12),
             "uniform": rng.uniform(-1, 1, 2**12)}
    return {name: x / x.std() for name, x in drawn.items()}


def _clipped(x: NDArray[Any]) -> dict[str, Any]:
    """The histogram of x, and for each format its values and three errors in dB, relative to the signal."""
    counts, edges = np.histogram(x, bins=80, range=(-6, 6))
    return {"counts": (counts / counts.max()).round(3).tolist(), "edges": edges.round(3).tolist(),
            "formats": {name: {"values": _values(grid), **_errors(x, grid)} for name, grid in FORMATS.items()}}


def _values(grid: Grid) -> list[float]:
    """All values of the grid, as parts of the largest."""
    values = getattr(grid, "values", np.arange(grid.qmin, grid.qmax + 1))
    return sorted({round(float(v), 4) for v in values / grid.qmax})


def _errors(x: NDArray[Any], grid: Grid) -> dict[str, list[float | None]]:
    """What rounding does, what clipping does, and both, at each clip; None where nothing is clipped."""
    found: dict[str, list[float | None]] = {"rounding": [], "clipping": [], "both": []}
    for c in CLIPS:
        squares, beyond = (x - fake_quantize(x, symmetric_params(-c, c, grid))) ** 2, np.abs(x) > c
        for name, part in (("rounding", squares[~beyond]), ("clipping", squares[beyond]), ("both", squares)):
            found[name].append(round(float(10 * np.log10(part.sum() / np.sum(x**2))), 2) if part.any() else None)
    return found


def _ladders(size: float, mate: float) -> dict[str, Any]:
    """The sample and its batch mate under a static range, one range for both, and a range for each."""
    rows = np.stack([SAMPLE * size, MATE * mate])
    params = {"static": affine_params(0.0, 1.0, UINT4), "dynamic per batch": dynamic_params(rows, UINT4),
              "dynamic per row": dynamic_params(rows[:1], UINT4)}
    return {"sample": rows[0].round(4).tolist(), "mate": rows[1].round(4).tolist(),
            "ladders": {name: _ladder(rows[0], each) for name, each in params.items()}}


def _ladder(x: NDArray[Any], params: AffineParams) -> dict[str, Any]:
    """The codes of x, the reals that they mean, and all reals that have a code.

    >>> _ladder(SAMPLE, affine_params(0.0, 1.0, UINT4))["codes"]
    [2, 5, 9, 15]
    """
    q = quantize(x, params)
    return {"top": round(float(dequantize(params.grid.qmax, params)), 4), "codes": q.tolist(),
            "reals": dequantize(q, params).round(4).tolist(),
            "steps": dequantize(np.arange(params.grid.qmax + 1), params).round(4).tolist()}
