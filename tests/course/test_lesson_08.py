"""The checks of lesson 08 tell every kind of wrong answer from every other, and pass the right one."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from refquant import IntGrid, integer_matmul, requantize
from refquant.course.lesson_08 import checks
from refquant.course.lesson_08.checks import one_rounding, product, width
from refquant.course.lesson_08.products import PRODUCTS, wrong_products
from refquant.course.lesson_08.widths import WRONG_WIDTHS, least_width


def right_product(q_x: Any, z_x: int, q_w: Any, z_w: int) -> Any:
    acc = integer_matmul(q_x, q_w)
    rows, columns = q_x.sum(axis=1, keepdims=True, dtype=int), q_w.sum(axis=0, dtype=int)
    return acc - z_w * rows - z_x * columns + q_x.shape[1] * z_x * z_w


def by_library(acc: Any, mantissa: int, shift: int, zero_point: int, qmin: int, qmax: int) -> Any:
    return requantize(acc, mantissa, shift, zero_point, IntGrid(8 if qmax > 7 else 4, signed=qmin < 0))


def test_right_answers_pass() -> None:
    assert product(right_product).startswith("Right: ")
    assert product(lambda q_x, z_x, q_w, z_w: (q_x.astype(int) - z_x) @ (q_w.astype(int) - z_w)).startswith("Right: ")
    assert width(least_width).startswith("Right: ")
    assert one_rounding(by_library).startswith("Right: ")


@pytest.mark.parametrize("why", list(wrong_products(*PRODUCTS[0])))
def test_every_wrong_product_is_named(why: str) -> None:
    message = product(lambda *codes: wrong_products(*codes)[why])
    assert message == f"Not yet: {why}."


@pytest.mark.parametrize(("answer", "said"), [
    (lambda *_: None, "Not answered yet: your function returns None"),
    (lambda *_: 1 / 0, "Not yet: your function raised ZeroDivisionError: division by zero."),
    (lambda q_x, *_: q_x, "Not yet: (m, k) codes times (k, n) codes are (2, 3); yours has shape (2, 5)"),
    (lambda *codes: right_product(*codes) * 1.0, "Not yet: the numbers are right, but their dtype is float64"),
    (lambda *codes: right_product(*codes) + 1, "Not yet: 6 of 6 sums are wrong. Expand"),
    (lambda *codes: right_product(*codes).astype(np.int16), "Not yet: the sums wrap at 16 bits"),
])
def test_product(answer: Callable[..., Any], said: str) -> None:
    assert product(answer).startswith(said)


@pytest.mark.parametrize(("how", "raised", "cause"), [
    ({"keepdims": True}, "OverflowError", "sum with dtype=int."),
    ({"dtype": int}, "ValueError", "sum axis 1 with keepdims=True."),
])
def test_the_cause_of_what_row_sums_raise_is_said(how: dict[str, Any], raised: str, cause: str) -> None:
    def answer(q_x: Any, z_x: int, q_w: Any, z_w: int) -> Any:
        acc, rows, columns = integer_matmul(q_x, q_w), q_x.sum(axis=1, **how), q_w.sum(axis=0, dtype=int)
        return acc - z_w * rows - z_x * columns + q_x.shape[1] * z_x * z_w

    message = product(answer)
    assert message.startswith(f"Not yet: your function raised {raised}: ")
    assert message.endswith(cause)


@pytest.mark.parametrize("why", list(WRONG_WIDTHS))
def test_every_wrong_width_is_named(why: str) -> None:
    message = width(WRONG_WIDTHS[why])
    assert message.startswith("Not yet: ")
    assert message.endswith(f". {why}.")


@pytest.mark.parametrize(("answer", "said"), [
    (lambda *_: None, "Not answered yet: your function returns None"),
    (lambda *_: 1 / 0, "Not yet: your function raised ZeroDivisionError: division by zero."),
    (lambda *_: 16.5, "Not yet: a width is a whole number of bits; you give 16.5."),
    (lambda *_: "int32", "Not yet: a width is a whole number of bits; you give 'int32'."),
    (lambda *_: np.array([16]), "Not yet: a width is a whole number of bits"),
    (lambda *_: 16, "Not yet: 2 products of int8 and int8: the sum can be 32768, which wraps in 16 bits. Find the "),
    (lambda *_: 15, "Not yet: 1 product of int8 and int8: the sum can be 16384, which wraps in 15 bits. Find the "),
    (lambda *_: 32, "Not yet: 1 product of int8 and int8: 32 bits never wrap, but 16 bits are enough. Find the least"),
])
def test_width(answer: Callable[..., Any], said: str) -> None:
    assert width(answer).startswith(said)


def test_least_width_is_by_every_pair_of_codes() -> None:
    for a in (IntGrid(2), IntGrid(2, narrow=True), IntGrid(2, signed=False), IntGrid(3)):
        for b in (IntGrid(2), IntGrid(3, narrow=True), IntGrid(3, signed=False)):
            for k in (1, 2, 3, 7, 8):
                products = np.multiply.outer(np.arange(a.qmin, a.qmax + 1), np.arange(b.qmin, b.qmax + 1)) * k
                w = least_width(k, a, b)
                assert -(2 ** (w - 1)) <= products.min()
                assert products.max() < 2 ** (w - 1)
                assert products.min() < -(2 ** (w - 2)) or products.max() >= 2 ** (w - 2)


@pytest.mark.parametrize("why", list(checks.WRONG_ROUNDINGS))
def test_every_wrong_rounding_is_named(why: str) -> None:
    message = one_rounding(checks.WRONG_ROUNDINGS[why])
    assert message.startswith("Not yet: acc ")
    assert message.endswith(f". {why}.")


def by_parts(acc: Any, mantissa: int, shift: int, zero_point: int, qmin: int, qmax: int) -> Any:
    """Another right way: the whole steps, what is left over, and Python's own integers."""
    codes = []
    for a in acc.tolist():
        whole, rest = divmod(a * mantissa, 1 << (31 - shift))
        half = 1 << (30 - shift)
        codes.append(min(max(whole + (rest > half or (rest == half and whole % 2 == 1)) + zero_point, qmin), qmax))
    return np.array(codes)


@pytest.mark.parametrize(("answer", "said"), [
    (by_parts, "Right: one rounding"),
    (lambda *args: by_parts(*args).astype(np.int16), "Right: one rounding"),
    (lambda *_: None, "Not answered yet: your function returns None"),
    (lambda *_: 1 / 0, "Not yet: your function raised ZeroDivisionError: division by zero."),
    (lambda *_: 3, "Not yet: one code for each accumulator, shape (12,); yours has shape ()"),
    (lambda *args: by_parts(*args) * 1.0, "Not yet: the numbers are right, but their dtype is float64"),
    (lambda *args: by_parts(*args) + 1, "Not yet: acc 1, m = 0.75, zero point 0 on [-128, 127]: you give 2, R14 gives "
                                        "1. Start from the exact product"),
])
def test_one_rounding(answer: Callable[..., Any], said: str) -> None:
    assert one_rounding(answer).startswith(said)


def test_some_probes_are_beyond_float64() -> None:
    float64 = next(f for why, f in checks.WRONG_ROUNDINGS.items() if why.startswith("That is float64"))
    for acc, mantissa in checks.NEAR_TIES:
        rest = np.array([acc]), mantissa, -23, 0
        assert by_library(*rest, -128, 127) == by_parts(*rest, -128, 127) != float64(*rest, -128, 127)
