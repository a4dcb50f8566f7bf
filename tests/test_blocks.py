from typing import Any

import numpy as np
import pytest
from helpers import refused

import refquant as rq


def test_blocks_are_consecutive_and_the_last_is_padded() -> None:
    x = np.arange(1, 25.0).reshape(2, 3, 4)
    assert rq.split_blocks(x, 3).shape == (2, 3, 2, 3)
    assert rq.split_blocks(x, 3)[0, 0].tolist() == [[1, 2, 3], [4, 0, 0]]
    assert rq.split_blocks(x, 2, axis=1).shape == (2, 2, 2, 4) and rq.split_blocks(x, 2, 1)[0, 1, 1].tolist() == [0] * 4
    assert rq.split_blocks(x, 1, axis=0).shape == (2, 1, 3, 4)
    assert np.shares_memory(rq.split_blocks(x, 2), x), "nothing is copied that need not be"


def test_joining_undoes_splitting_for_reals_and_codes() -> None:
    x = np.random.default_rng(0).normal(size=(4, 7, 5)).astype(np.float32)
    for axis in (-3, -2, -1, 0, 1, 2):
        for size in (1, 2, x.shape[axis]):
            blocks = rq.split_blocks(x, size, axis)
            params = rq.dynamic_params(blocks, rq.INT8, axis % 3 + 1)
            for part in (blocks, rq.quantize(blocks, params)):
                joined = rq.join_blocks(part, axis, x.shape[axis])
                assert joined.shape == x.shape and joined.dtype == part.dtype
            assert (rq.join_blocks(blocks, axis, x.shape[axis]) == x).all()
    assert rq.join_blocks(rq.split_blocks(x, 4), -1).shape == (4, 7, 8), "without a length the padding stays"


def test_a_group_of_blocks_costs_its_scales_too() -> None:
    x = np.random.default_rng(0).normal(size=(8, 64)).astype(np.float32)
    found = rq.dynamic_params(rq.split_blocks(x, 32), rq.INT4, -1, fit=rq.symmetric_params)
    half = rq.AffineParams(scale=found.scale.astype(np.float16), zero_point=0, grid=rq.INT4)
    assert rq.bits_per_value(half, x.size) == 4.5 and rq.bits_per_value(found, x.size) == 5.0
    affine = rq.dynamic_params(rq.split_blocks(x, 32), rq.UINT4, -1)
    assert rq.bits_per_value(affine, x.size) == 4 + (32 + 4) / 32
    assert rq.bits_per_value(rq.symmetric_params(-1.0, 1.0, rq.INT8), 1000) == 8 + 64 / 1000


@pytest.mark.parametrize("size", [0, -1, 6, 2.0, True])
def test_block_sizes(size: Any) -> None:
    with refused((ValueError, TypeError), "split_blocks", "`block_size` must be an integer from 1 to 5", repr(size)):
        rq.split_blocks(np.zeros((3, 5)), size)


@pytest.mark.parametrize("axis", [2, -3, None, 0.5, True, (0, 1)])
def test_axes(axis: Any) -> None:
    with refused(ValueError, "split_blocks", "`axis` must name one of 2 axes", repr(axis)):
        rq.split_blocks(np.zeros((3, 5)), 1, axis)
    with refused(ValueError, "join_blocks", "`axis`"):
        rq.join_blocks(np.zeros((2, 3, 5)), axis)


def test_nothing_to_split_or_join() -> None:
    with refused(ValueError, "split_blocks", "0 axes"):
        rq.split_blocks(1.0, 1)
    with refused(ValueError, "join_blocks", "0 axes"):
        rq.join_blocks(np.zeros(3), 0)
    assert rq.split_blocks(np.zeros((2, 0)), 1).shape == (2, 0, 1)


@pytest.mark.parametrize("length", [0, 3, 7, -1, 4.5])
def test_the_length_ends_in_the_last_block(length: Any) -> None:
    with refused((ValueError, TypeError), "join_blocks", "`length` must be an integer from 4 to 6", repr(length)):
        rq.join_blocks(np.zeros((2, 3)), 0, length)


def test_bits_per_value_of_nothing() -> None:
    with refused(ValueError, "bits_per_value", "`size`", "0"):
        rq.bits_per_value(rq.symmetric_params(-1.0, 1.0, rq.INT8), 0)


def test_blocks_of_no_rows_and_of_no_columns() -> None:
    assert rq.split_blocks(np.zeros((0, 5)), 2).shape == (0, 3, 2)
    assert rq.split_blocks(np.zeros((5, 0)), 1).shape == (5, 0, 1)
    assert rq.join_blocks(np.zeros((0, 3, 2)), length=5).shape == (0, 5)


@pytest.mark.parametrize(("n", "size"), [(0, 2), (1, 2), (3, 4), (3, 0)])
def test_no_block_is_longer_than_the_axis(n: int, size: int) -> None:
    with refused(ValueError, "split_blocks", "`block_size`"):
        rq.split_blocks(np.zeros((2, n)), size)


def test_zero_points_count_where_one_is_not_0() -> None:
    for zero_point, bits in (([0, 0], 8 + 2 * 64 / 16), ([0, 3], 8 + 2 * (64 + 8) / 16)):
        params = rq.AffineParams(scale=[1.0, 2.0], zero_point=zero_point, grid=rq.INT8)
        assert rq.bits_per_value(params, 16) == bits
