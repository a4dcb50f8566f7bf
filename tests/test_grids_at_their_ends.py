"""Grids where they end: beyond the largest value, at a side that is missing, and what their fields are."""

import re
from typing import Any

import numpy as np
import pytest
from helpers import refused

import refquant as rq
from refquant import gaussian
from refquant.grids.stored import grid_of, numbers

FLOATS = [rq.FloatGrid(e, m, specials) for e in (1, 2, 3, 5) for m in (1, 2, 3) for specials in (0, 1, 2**m)]


@pytest.mark.parametrize("grid", FLOATS, ids=str)
def test_beyond_the_largest_value_steps_stay_as_long_as_before_it(grid: rq.FloatGrid) -> None:
    """Up to there and beyond: a gradient passes half a step further, and no more."""
    top = grid.values[-1]
    binade = max(2.0 ** (np.frexp(top)[1] - 1), 2.0**grid.emin)
    beyond = top + binade / 2**grid.mantissa * np.arange(9)
    np.testing.assert_array_equal(grid.round(beyond), beyond)
    np.testing.assert_array_equal(grid.round(-beyond.astype(np.float32)), -beyond)


@pytest.mark.parametrize("values", [[-2, -1, 0], [0, 1, 2], [1, 2], [-2, -1]])
@pytest.mark.parametrize("fit", [rq.symmetric_params, rq.mx_params])
def test_a_grid_with_one_side_holds_no_data(fit: Any, values: list[float]) -> None:
    with refused(ValueError, fit.__name__, "`grid` must have values on both sides of 0"):
        fit(-1.0, 1.0, rq.Codebook(values))


def test_fields_are_plain_numbers() -> None:
    """Whatever they were made of, so they are written and read back as such."""
    made = rq.FloatGrid(np.int8(4), np.uint8(3), np.int64(1), np.False_)  # type: ignore[arg-type]
    assert [type(v) for v in (made.exponent, made.mantissa, made.specials, made.fnuz)] == [int, int, int, bool]
    whole = rq.IntGrid(np.int64(8), np.True_, np.False_)  # type: ignore[arg-type]
    assert [type(v) for v in (whole.bits, whole.signed, whole.narrow)] == [int, bool, bool]
    assert (made, whole) == (rq.E4M3, rq.INT8) and {type(v) for v in rq.Codebook(np.arange(4)).kept} == {float}
    assert isinstance(made.qmin, float) and isinstance(whole.qmin, int)


@pytest.mark.parametrize("grid", [rq.INT8, rq.E4M3, rq.NF4, rq.IntGrid(3), rq.FloatGrid(3, 3), rq.Codebook([-1, 0, 2])])
def test_a_grid_is_shown_as_the_call_that_makes_it(grid: rq.Grid) -> None:
    assert eval(repr(grid), vars(rq).copy()) == grid
    assert repr(grid) == str(grid) == f"{grid}"


@pytest.mark.parametrize("grid", [rq.E4M3, rq.E5M2, rq.FloatGrid(5, 10)], ids=str)
def test_exact_errors_have_their_digits_in_both_tails(grid: rq.FloatGrid) -> None:
    """The density is even, so are the errors, down to 8 standard deviations from 0."""
    values = grid.values[np.abs(grid.values) < 8]
    points = np.concatenate([[-np.inf], (values[1:] + values[:-1]) / 2, [np.inf]])
    errors = gaussian._errors(values, points)
    np.testing.assert_allclose(errors, errors[::-1], rtol=1e-9)


def test_a_mirrored_codebook_errs_as_much() -> None:
    values = np.array([-1, -0.5, 0, 0.25, 0.7, 2])
    errors = [gaussian.block_gaussian_mse(rq.Codebook(v), 8, rq.symmetric_params) for v in (values, -values[::-1])]
    assert errors[0] == pytest.approx(errors[1], rel=1e-9)


def test_grids_of_up_to_16_bits_tell_their_values() -> None:
    assert rq.INT16.values.size == 2**16
    with refused(ValueError, "values", "`grid` must have at most 16 bits", "IntGrid(17)"):
        rq.IntGrid(17).values  # noqa: B018


def test_one_positive_value_is_enough_for_scales() -> None:
    scale = rq.two_level(rq.Codebook([-1, 0, 4]))(0.0, 7.0, rq.INT4).scale
    assert float(scale) == 1.0


def test_the_parts_of_a_code() -> None:
    assert [grid.fields for grid in (rq.E4M3, rq.FloatGrid(5, 10), rq.INT8, rq.NF4)] == [
        (1, 4, 3), (1, 5, 10), (8,), (4,)]


@pytest.mark.parametrize("grid", [None, rq.INT4, rq.UINT8, rq.IntGrid(5, narrow=True), rq.E4M3, rq.E5M2FNUZ, rq.E2M1,
                                  rq.NF4, rq.Codebook([-1, 0.5])], ids=repr)
def test_stored_grids_come_back(grid: Any) -> None:
    stored = numbers(grid)
    assert grid_of("here", stored) == grid and stored.dtype in (np.int64, np.float32)


@pytest.mark.parametrize(("stored", "words"), [
    ([8, 2, 0], "here: `flag` must be an integer from 0 to 1; got 2"), ([8, 1, -1], "got -1"),
    ([4, 3, 1, 2], "here: `flag`"), ([8, 0, 1], "R1"), ([4, 3], "here of shape (2,)"),
    ([[4, 3, 1, 0]], "here of shape")])
def test_stored_grids_that_are_none(stored: Any, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        grid_of("here", np.array(stored))


def test_a_grid_of_ones_own_has_no_numbers() -> None:
    with refused(TypeError, "save", "a grid must be an IntGrid, a FloatGrid or a Codebook", "pickle keeps"):
        numbers(rq.Grid)  # type: ignore[arg-type]
