"""The checks of lesson 04 tell every kind of wrong answer from every other, and pass the right one."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from messages import says

from refquant import IntGrid, bits_per_value, dynamic_params, minmax, split_blocks, symmetric_params
from refquant.course.lesson_04 import checks
from refquant.course.lesson_04.checks import axis, cheapest, payload


@pytest.mark.parametrize(("situation", "answer", "said"), [
    ("a", ..., "Not answered yet: a"),
    ("a", 0, "Right: a: one for each of the 32 outputs, scale of shape (1, 32)"),
    ("a", -2, "Right: a"),
    ("a", (0,), "Right: a"),
    ("a", np.int64(0), "Right: a"),
    ("a", 1, "axis 1 is the one that is kept"),
    ("a", (), "each value gets a scale of its own"),
    ("a", None, "a single scale"),
    ("a", (0, 1), "a single scale"),
    ("a", 2, "the array has the axes 0 to 1, but not 2."),
    ("a", (0, -2), "you name an axis twice"),
    ("a", "0", "an int, a tuple of ints, or None"),
    ("a", True, "an int, a tuple of ints, or None"),
    ("a", [0], "an int, a tuple of ints, or None"),
    ("b", -1, "Right: b: one for each of the 16 tokens, scale of shape (16, 1)"),
    ("b", 0, "axis 0 is the one that is kept"),
    ("c", (0, 2, 3), "Right: c: one for each of the 3 channels, scale of shape (1, 3, 1, 1)"),
    ("c", (-1, 0, 2), "Right: c"),
    ("c", 1, "axis 1 is the one that is kept"),
    ("c", (2, 3), "(8, 3, 1, 1) is too fine, 24 scales"),
    ("c", (0, 1), "(1, 1, 5, 5) is cut the wrong way. Wanted: one for each of the 3 channels"),
    ("d", 1, "Right: d: one for each of the 4 blocks of each of the 32 outputs, scale of shape (4, 1, 32)"),
    ("d", (0, 2), "the axes 0, 2 are those that are kept"),
    ("d", (0, 1), "(1, 1, 32) is too coarse, 32 scales"),
    ("d", (1, 2), "(4, 1, 1) is too coarse, 4 scales"),
    ("d", 0, "(1, 16, 32) is cut the wrong way"),
    ("d", -1, "(4, 16, 1) is cut the wrong way"),
])
def test_axis(situation: str, answer: Any, said: str) -> None:
    message = axis(situation, answer)
    assert says(message, said)


@pytest.mark.parametrize("name", checks.SITUATIONS)
def test_the_right_axes_give_the_shape_that_is_said(name: str) -> None:
    shape, reduced, _ = checks.SITUATIONS[name]
    scale = dynamic_params(np.ones(shape), IntGrid(4), axis=tuple(sorted(reduced))).scale
    assert axis(name, tuple(reduced)).endswith(f"scale of shape {scale.shape}.")
    assert minmax(np.ones(shape), tuple(reduced))[0].shape == scale.shape


def test_the_last_situation_is_made_by_split_blocks() -> None:
    assert split_blocks(np.ones(checks.SITUATIONS["a"].shape), 16, axis=0).shape == checks.SITUATIONS["d"].shape


def right(rows: int, columns: int, bits: int, block_size: int) -> int:
    return rows * -(-columns // block_size) * (block_size * bits // 8 + 2)


@pytest.mark.parametrize("yours", [right, lambda *a: float(right(*a)), lambda *a: np.int64(right(*a))])
def test_right_payload(yours: Callable[..., Any]) -> None:
    assert payload(yours) == ("Right: 100 x 50 at 4 bits in blocks of 16 takes 4000 bytes, 6.40 bits per value; "
                              "without padding it would be 5.00.")


@pytest.mark.parametrize(("yours", "said"), [
    (lambda *_: None, "Not answered yet: your function returns None"),
    (lambda *_: 1 / 0, "your function raised ZeroDivisionError: division by zero"),
    (lambda *a: (right(*a), 5.0), "return one number of bytes, not (4000, 5.0)"),
    (lambda *a: str(right(*a)), "return one number of bytes, not '4000'"),
    (lambda *a: np.full(2, right(*a)), "return one number of bytes, not array"),
    (lambda *a: right(*a) + 7, "count the blocks of one row, then the bytes of one block. For (100, 50, 4, 16)"),
    (lambda r, c, b, n: right(r, c, b, min(n, c)), "For (2, 40, 8, 64) you give 84, not 132"),
])
def test_wrong_payload(yours: Callable[..., Any], said: str) -> None:
    message = payload(yours)
    assert says(message, said)


@pytest.mark.parametrize("why", checks.mistakes(*checks.PROBES[0]))
def test_every_mistake_of_the_table_is_named(why: str) -> None:
    message = payload(lambda *probe: checks.mistakes(*probe)[why])
    assert message.startswith(f"Not yet: {why}. For (100, 50, 4, 16) you give ")


@pytest.mark.parametrize("block_size", [8, 32])
def test_the_payload_is_what_bits_per_value_counts(block_size: int) -> None:
    x = np.random.default_rng(0).normal(size=(5, 64)).astype(np.float16)
    blocks = split_blocks(x, block_size)
    params = dynamic_params(blocks, IntGrid(4), axis=-1, fit=symmetric_params)
    in_float16 = type(params)(scale=params.scale.astype(np.float16), zero_point=0, grid=params.grid)
    assert checks.stored(5, 64, 4, block_size) * 8 == bits_per_value(in_float16, x.size) * x.size


KEYS = np.random.default_rng(7).standard_normal((256, 64)) * np.where(np.isin(np.arange(64), (5, 20, 33, 50)), 50, 1)


@pytest.mark.parametrize(("bits", "along", "block_size", "said"), [
    (None, None, None, "Not answered yet: set bits"),
    (5, 0, 256, "Right: 5.06 bits per value, and no column below 22"),
    (1, 0, 256, "bits is a whole number from 2 to 8, not 1"),
    (4.5, 0, 256, "bits is a whole number from 2 to 8, not 4.5"),
    (5.0, 0, 256, "bits is a whole number from 2 to 8, not 5.0"),
    ("5", 0, 256, "bits is a whole number from 2 to 8, not '5'"),
    (5, -1, 64, "along is 0 (blocks down the columns), 1 (along the rows) or None (per tensor), not -1"),
    (5, None, 64, "along and block_size go together"),
    (5, 0, None, "along and block_size go together"),
    (5, 0, 24, "8, 16, 32, ... up to 256 values along axis 0, not 24"),
    (5, 1, 256, "8, 16, 32, ... up to 64 values along axis 1, not 256"),
    (4, 1, 16, "5.00 bits per value. On the whole 24.0 dB, but the worst column has 0.9 dB"),
    (6, None, None, "look at the inliers, too"),
    (3, None, None, "The worst column has 0.0 dB, not 21. Small columns share a scale with large ones"),
    (3, 1, 64, "Small columns share a scale with large ones"),
    (4, 0, 16, "now take smaller blocks or more bits"),
    (3, 0, 8, "now take smaller blocks or more bits"),
    (4, 0, 8, "6.00 bits per value. The target is reached, but a cheaper scheme reaches it, too. Another bit"),
    (5, 0, 16, "Larger blocks are enough"),
    (6, 0, 256, "Fewer bits are enough"),
    (6, 0, 128, "Fewer bits are enough"),
])
def test_cheapest(bits: Any, along: int | None, block_size: int | None, said: str) -> None:
    message = cheapest(KEYS, 21, bits, along, block_size)
    assert says(message, said)


def test_blocks_that_are_cut_wrongly_get_a_hint() -> None:
    assert cheapest(KEYS.T, 21, 8, 1, 8).endswith("Can the blocks run the other way, or do you need blocks at all?")
    assert cheapest(KEYS, 20, 5, 0, 256).endswith("Smaller blocks cost less than the last bit.")
    assert "or do you need blocks at all?" in cheapest(np.ones((8, 8)), 21, 8, 0, 8)
    assert cheapest([[1.0] * 8] * 8, 21, 2, None, None) == "Right: 2.25 bits per value, and no column below inf dB."


@pytest.mark.parametrize("target", [15, 21])
def test_exactly_the_cheapest_is_right(target: float) -> None:
    x = KEYS[:64, 4:12]
    costs = {s: cost for s in checks.schemes(x)
             for cost, _, worst in [checks.measured(x, s)] if worst >= target and s.bits < 7}
    right_ones = {s for s in costs if cheapest(x, target, *s).startswith("Right: ")}
    assert right_ones == {s for s, cost in costs.items() if cost == min(costs.values())}


def test_nothing_is_written_to() -> None:
    before = KEYS.copy()
    cheapest(KEYS, 21, 5, 0, 256)
    assert np.array_equal(KEYS, before)
