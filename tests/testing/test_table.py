"""identify from measured rows (x, scale, zero_point, code): what they show, and nothing else."""

from typing import Any

import numpy as np
import pytest
from helpers import refused
from strange import STRANGE

import refquant as rq
from refquant.engines import arrays, choices
from refquant.engines.conventions import Convention
from refquant.testing import by_range, identify
from refquant.testing.points import Points, beyond, ordinary, zeros


def some(grid: rq.Grid, n: int = 600) -> Points:
    """Numbers that decide, and some beyond the codes."""
    rng, points, z = np.random.default_rng(0), ordinary(grid, zeros(grid, False)), zeros(grid, False)[:3]
    far = [beyond(grid, each).at(rng.integers(0, 470, 40)) for each in z]
    return Points(*map(np.concatenate, zip(points.at(rng.integers(0, len(points.x), n)), *far, strict=True)))


def rows(f: Any, points: Points, grid: rq.Grid) -> Any:
    """Each number asked alone."""
    with np.errstate(all="ignore"):
        codes = [int(f(np.full(1, x, np.float32), rq.AffineParams(scale=scale, zero_point=int(z), grid=grid))[0])
                 for x, scale, z in zip(*points, strict=True)]
    return np.stack([*points, codes], axis=1)


@pytest.mark.parametrize(("convention", "grid"), [
    (Convention(), rq.INT8), (Convention(rounding=choices.half_added), rq.UINT8),
    (Convention(choices.reciprocal, choices.before_rounding), rq.INT4),
    (Convention(zero_point=choices.offset_first, rounding=choices.upward, cast=choices.wrapping), rq.UINT4)], ids=str)
def test_rows_show_their_convention(convention: Convention, grid: rq.Grid) -> None:
    points = some(grid, 2000)
    codes = arrays.codes(convention, *points, grid)
    found = identify(np.stack([*points, codes], axis=1), grid=grid)
    assert convention in found.conventions and found.arrays == f"not known: a table of {len(codes)} rows"
    assert {c.rounding for c in found.conventions} & {convention.rounding}
    assert ("These rows follow refquant's own convention." in found.more) == (convention == Convention())


@pytest.mark.parametrize("name", ["c_cast", "to_odd", "half_less_an_ulp", "ten_millionths_added", "six_bits",
                                  pytest.param("an_ulp_off", marks=pytest.mark.slow),
                                  pytest.param("shift_of_the_scale", marks=pytest.mark.slow),
                                  pytest.param("swapped_ends", marks=pytest.mark.slow)])
def test_rows_of_what_is_strange_are_not_named(name: str) -> None:
    found = identify(rows(STRANGE[name].quantize, some(rq.INT8), rq.INT8))
    assert found.conventions == () and "Nearest is " in str(found) and "As in" not in str(found)


def test_what_few_rows_leave_open_is_left_open() -> None:
    said = str(identify([(0.5, 1, 0, 0), (1.5, 1, 0, 2)]))
    assert "On every row these conventions give the same code:\n    refquant's own\n" in said
    assert said.count("not known") == 5 and "These rows" not in said and said.splitlines()[-1].startswith("    and ")


def test_infinities_nan_and_subnormal_numbers_decide_no_name_and_are_told() -> None:
    tiny = 2.0**-126
    special = [(np.inf, 1, 0, 127), (-np.inf, 1, 0, -128), (np.nan, 1, 3, 3), (0.75 * tiny, tiny, 0, 0),
               (0.75, 1, 0, 1), (0, tiny, 0, 0)]
    found = identify([*rows(rq.quantize, some(rq.INT8), rq.INT8), *special])
    assert (found.infinities, found.nan, found.subnormal) == ("saturates", "the zero point", "count as 0")
    assert Convention() in found.conventions and found.narrow is False


def test_a_narrow_table() -> None:
    narrow = rq.IntGrid(8, narrow=True)
    found = identify(rows(lambda x, p: rq.quantize(x, rq.AffineParams(scale=p.scale, zero_point=max(
        p.zero_point, -127), grid=narrow)), some(narrow), narrow))
    assert found.narrow and Convention() in found.conventions


@pytest.mark.parametrize(("table", "part"), [
    ([], "must have rows (x, scale, zero_point, code)"), ([(1, 2, 3)], "must have rows"), ("rows", "must have rows"),
    ([(1, 2), (1,)], "must have rows"), ([(1, 1, 0, 200)], "grid= names the grid"), ([(1, 1, 0.5, 1)], "in row 0"),
    ([(1, 1, 0, 1), (1, 0, 0, 1)], "in row 1"), ([(1, np.nan, 0, 1)], "scales positive"),
    ([(1, 1, 0, np.nan)], "in row 0")])
def test_what_is_no_table(table: Any, part: str) -> None:
    with refused(ValueError, "identify", part):
        identify(table)


# ---------------------------------------------------------------------------------------------- found by other ways

@pytest.mark.slow
def test_rounding_beyond_the_ends_does_not_hide_a_cast() -> None:
    """255 / 7 rounded away is one more than the highest code of INT4, and wraps."""
    c = Convention(choices.reciprocal, choices.offset_first, choices.away_from_zero, choices.wrapping)

    def mine(x: Any, p: Any) -> Any:
        return np.nan_to_num(arrays.codes(c, x, p.scale, p.zero_point, p.grid)).astype(int)

    assert c in identify(mine, grid=rq.INT4).conventions


def test_by_range_the_ends_are_exact() -> None:
    def mine(x: Any, lo: Any, hi: Any) -> Any:
        return np.clip(np.floor((x - lo) / ((hi - lo) / np.float32(255))), 0, 255).astype(np.uint8)

    found = identify(by_range(mine), grid=rq.UINT8)
    assert found.named["zero_point"] == ("offset_first",) and found.named["rounding"] == ("toward_zero", "downward")


@pytest.mark.slow
def test_arrays_of_another_library() -> None:
    class Tensor(np.ndarray):
        pass

    def mine(x: Any, p: Any) -> Any:
        assert isinstance(x, Tensor) and isinstance(p.scale, Tensor) and isinstance(p.zero_point, Tensor)
        return np.clip(np.rint(x / p.scale) + p.zero_point, -128, 127).astype(np.int8)

    assert identify(mine, arrays=lambda a: a.view(Tensor)).conventions == (Convention(),)
