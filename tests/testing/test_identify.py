"""identify names what it has held its answer against, and nothing else."""

import math
import re
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest
from black_boxes import ALONE, EXPECTED, INT32_ENDS, named_rightly
from helpers import needs, refused
from strange import STRANGE, clipped

import refquant as rq
from refquant.arguments import quiet
from refquant.engines import arrays, choices, litert, onnxruntime, pytorch, torchao
from refquant.engines.alike import one_function, simplest
from refquant.engines.conventions import NAMED, PECULIAR, Convention
from refquant.engines.exact import nearest
from refquant.engines.operators import OPERATORS
from refquant.testing import Identity, identify
from refquant.testing.points import CALLS, LENGTH, PLAIN, Points, ordinary, zeros

GRIDS = (rq.INT8, rq.UINT8, rq.IntGrid(8, narrow=True), rq.INT16, rq.UINT16, rq.INT4, rq.UINT4, rq.INT2, rq.UINT2,
         rq.IntGrid(2, narrow=True), rq.IntGrid(5))
WAYS = [Convention(*way) for way in product(NAMED["division"], NAMED["zero_point"], NAMED["rounding"])] + list(PECULIAR)
EVERY = [c._replace(cast=cast) for c in WAYS for cast in NAMED["cast"]]


def box(convention: Convention, narrow: bool = False) -> Any:
    """A black box of that convention; NaN becomes the zero point, and so does 0 / 0 in float16."""
    def quantize(x: Any, params: rq.AffineParams) -> Any:
        grid = rq.IntGrid(params.grid.bits, signed=params.grid.qmin < 0, narrow=narrow)
        q = arrays.codes(convention, x, params.scale, params.zero_point, grid)
        return np.where(np.isnan(x) | np.isnan(q), params.zero_point, q).astype(np.int64)
    return quantize


def classes(points: Points, grid: rq.Grid) -> list[list[Convention]]:
    """The ways whose codes are the same on all points."""
    found: dict[bytes, list[Convention]] = {}
    for c in WAYS:
        found.setdefault(arrays.codes(c, *points, grid).tobytes(), []).append(c)
    return list(found.values())


# ---------------------------------------------------------------------------------------------- names

def test_codes_of_arrays_are_those_of_the_scalar_choices() -> None:
    rng = np.random.default_rng(0)
    for grid, c in zip(GRIDS * 3, rng.permutation(np.array(EVERY, object))[:33], strict=True):
        few = ordinary(grid, zeros(grid, False)).at(rng.integers(0, CALLS * LENGTH, 40))
        x = np.concatenate([few.x, np.float32([np.inf, -np.inf, np.nan, 3e9, -1e19, 3e38, 1e-40, 0])])
        scale, z = (np.concatenate([part, part[:8]]) for part in few[1:])
        convention = Convention(*c)
        with np.errstate(all="ignore"):
            each = [convention.steps(*of, grid)[-1].value for of in zip(x, scale, z.tolist(), strict=True)]
        found = arrays.codes(convention, x, scale, z, grid)
        assert [None if np.isnan(q) else int(q) for q in found] == each, (convention, grid)


def test_the_points_tell_182_of_224_ways_apart_on_int8() -> None:
    found = classes(ordinary(rq.INT8, zeros(rq.INT8, False)), rq.INT8)
    assert (len(WAYS), len(found), CALLS * LENGTH) == (224, 182, 24_000)
    for same in (same for same in found if not one_function(same, rq.INT8, False)):
        flushed = {c.division.__name__ for c in same} == {"reciprocal", "flushed_reciprocal"}
        assert flushed or {c.rounding.__name__ for c in same} <= {
            "half_added", "half_added_away", "half_up", "half_away"}, "only these are left, and nothing parted them"


@pytest.mark.slow
@pytest.mark.parametrize("grid", GRIDS, ids=str)
@pytest.mark.parametrize("symmetric", [False, True])
def test_what_is_called_one_function_is_one(grid: rq.Grid, symmetric: bool) -> None:
    """On the points, beyond the codes, and on others drawn anew."""
    points, rng = ordinary(grid, zeros(grid, symmetric)), np.random.default_rng(1)
    points = points.at(rng.integers(0, len(points.x), 3000))
    tens = 10.0 ** rng.integers(-3, 20, len(points.x))
    far = points._replace(x=np.clip(points.x * tens, -3e38, 3e38).astype(np.float32))
    groups: dict[Convention, list[Convention]] = {}
    for c in EVERY:
        groups.setdefault(simplest(c, grid, symmetric), []).append(c)
    assert len(groups) < len(EVERY)
    some = [same for same in groups.values() if len(same) > 1]
    for i in rng.permutation(len(some))[:25]:
        for each in (points, far):
            assert len({arrays.codes(c, *each, grid).tobytes() for c in some[i]}) == 1, [str(c) for c in some[i]]


@pytest.mark.slow
@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_what_the_points_do_not_part_other_numbers_do_not_part_often(grid: rq.Grid) -> None:
    """Names that are given together differ, if at all, on fewer than one plain number in a thousand."""
    rng = np.random.default_rng(2)
    for same in classes(ordinary(grid, zeros(grid, False)), grid):
        z = rng.integers(grid.qmin, grid.qmax + 1, 2000)
        scale = rng.uniform(0.5, 2, 2000).astype(np.float32)
        plain = Points((rng.integers(grid.qmin, grid.qmax + 1, 2000) - z + rng.random(2000)) * scale, scale, z)
        plain = plain._replace(x=plain.x.astype(np.float32))
        first = arrays.codes(same[0], *plain, grid)
        for c in same[1:]:
            assert (arrays.codes(c, *plain, grid) != first).sum() <= 2, (same[0], c)


def named_again(convention: Convention, grid: Any, narrow: bool = False) -> None:
    found = identify(box(convention, narrow), grid=grid)
    twins = (choices.before_rounding, choices.before_rounding_in_float64)
    if convention.zero_point in twins and convention.cast is choices.sum_through_int64:
        convention = convention._replace(cast=choices.through_int64)  # with nothing to add after the cast
    assert convention in found.conventions and found.arrays == "alike in every length and layout asked"
    assert found.narrow == (narrow or grid == rq.IntGrid(grid.bits, narrow=True))
    assert found.nan == "the zero point"
    assert ("one function, by several names" in str(found) or "these conventions give the same" in str(found)) == (
        len(found.conventions) > 1)


@pytest.mark.slow
@pytest.mark.parametrize("index", range(0, 1110, 139))
def test_every_convention_is_found_again(index: int) -> None:
    grid = GRIDS[index % len(GRIDS)]
    named_again(EVERY[index], grid, narrow=grid == rq.IntGrid(grid.bits, narrow=True))


@pytest.mark.slow
@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_every_choice_is_found_again_on_every_grid(grid: Any) -> None:
    for kind, functions in NAMED.items():
        for f in functions:
            named_again(Convention(**{kind: f}), grid, narrow=grid == rq.IntGrid(grid.bits, narrow=True))
    for c in PECULIAR:
        named_again(c, grid, narrow=grid == rq.IntGrid(grid.bits, narrow=True))


def test_a_narrow_quantizer_is_found_on_a_grid_that_is_not() -> None:
    named_again(Convention(rounding=choices.half_away), rq.INT8, narrow=True)


@pytest.mark.slow
def test_a_name_of_a_flush_needs_every_subnormal_number() -> None:
    found = identify(box(PECULIAR[0]))
    assert found.named["division"] == ("flushed_reciprocal",) and found.subnormal == "count as 0"

    def half_flushed(x: Any, params: rq.AffineParams) -> Any:
        flushed = np.where(np.abs(x) < np.finfo(np.float32).tiny, np.float32(0), x)
        return clipped(np.rint(flushed * (np.float32(1) / params.scale)) + params.zero_point, params)

    found = identify(half_flushed)
    assert found.named["division"] == ("reciprocal",) and found.subnormal == "count as 0" and "As in" not in str(found)


# ---------------------------------------------------------------------------------------------- engines

@pytest.mark.slow
@pytest.mark.parametrize("name", [*EXPECTED, *ALONE])
def test_each_engine_s_conventions_are_named(name: str) -> None:
    named_rightly(name)


def test_every_engine_with_a_zero_point_is_there() -> None:
    integers = {name for name, operator in OPERATORS.items() if operator.grids[0].equal_steps}
    assert {name for name in integers if not name.startswith("gguf")} == {
        *EXPECTED, *ALONE, "faiss QT_8bit_uniform", "sentence-transformers quantize_embeddings"}
    quantizers = {f"{m.__name__}.{name}" for m in (litert, onnxruntime, pytorch, torchao) for name in vars(m)
                  if "quantize" in name and not any(part in name for part in ("dequantize", "dynamic", "requantize",
                                                                              "multiplier", "fake", "quantized"))}
    assert {name.removeprefix("refquant.engines.") for name in quantizers} == {
        "litert.quantize_reference", "litert.quantize_xnnpack", "onnxruntime.quantize_linear",
        "pytorch.quantize_per_channel", "pytorch.quantize_per_tensor", "torchao.quantize_affine"}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "division"), [("faiss QT_8bit_uniform", "of_range"),
                                                ("sentence-transformers quantize_embeddings", "true_division")])
def test_codes_that_are_rounded_down_are_named(name: str, division: str) -> None:
    """What is above the lowest real is not negative: down is toward 0."""
    found = identify(OPERATORS[name].function, grid=rq.UINT8)
    assert found.named["division"] == (division,) and "downward" in found.named["rounding"]
    assert str(found).splitlines()[-1] == f"As in: {name}."


def test_two_roundings_are_no_fma_but_no_int8_code_tells() -> None:
    """v + z lies beside a tie of float32 by less than float64 sees: v = x * (1 / scale) is near 1/2 or 3/2, an integer
    times 2**-49, 2**-48 or 2**-47, and would be one of these. None is a product of two significands of 24 bits."""
    products = [2**47 + 2**30 + 1, 2**47 + 2**30 + 2, *(2**48 - 2**31 - d for d in (1, 2, 3, 4)),
                3 * 2**46 + 2**29 + 1, 3 * 2**46 - 2**29 - 1, 2**47 + 2**29 + 1,
                2**48 - 2**30 - 1, 2**48 - 2**30 - 2, 2**48 - 2**29 - 1]
    factors = np.arange(2**23, 2**24)
    for n in products:
        others = n // factors[n % factors == 0]
        assert not ((others >= 2**23) & (others < 2**24)).any()


@pytest.mark.conformance
def test_pytorch_fuses_and_adds_the_zero_point_first() -> None:
    torch = needs("torch", "conformance")

    def quantized(x: Any, params: rq.AffineParams) -> Any:
        tensor = torch.from_numpy(x.copy())
        codes = torch.quantize_per_tensor(tensor, float(params.scale), int(params.zero_point), torch.qint8)
        return codes.int_repr().numpy()

    found = identify(quantized)
    assert found.named == {"division": ("fused_reciprocal",), "zero_point": ("before_rounding",),
                           "rounding": ("half_even",), "cast": ("saturating",)}


# ---------------------------------------------------------------------------------------------- what is like none

QUICK = ("as_jax_on_a_processor", "c_cast", "ten_millionths_added", "subnormal_numbers_become_one", "at_random")


@pytest.mark.slow
@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow)
                                  for name in STRANGE])
def test_what_is_strange_is_not_named(name: str) -> None:
    quantize, nearest_one, line = STRANGE[name]
    with np.errstate(all="ignore"):
        found = identify(quantize)
    said = str(found)
    assert "As in" not in said and "refquant's own convention" not in said
    if line in ("subnormal", "infinity"):  # a property with a line of its own
        assert found.conventions == (Convention(),)
        assert (found.subnormal == "as other numbers") == (line != "subnormal")
        assert (found.infinities == "saturates") == (line != "infinity")
        return
    assert found.conventions == () and not found.proven
    assert f"Nearest is {nearest_one}; " in said
    assert (found.arrays == "alike in every length and layout asked") == (line != "arrays")


@pytest.mark.slow
def test_a_cast_is_not_named_by_what_lies_beyond_it_alone() -> None:
    """On unsigned codes 0 is the lowest, as of int32 for 3e9; 2e6 tells them apart."""
    found = identify(STRANGE["nothing_beyond_a_million"].quantize, grid=rq.UINT8)
    assert found.conventions == () and "yours for 0 of 24000 numbers from qmin to qmax and for " in str(found)
    assert identify(STRANGE["without_sign_of_zero_point"].quantize, grid=rq.UINT8).conventions == (Convention(),)


@quiet
def codes_shown(said: str, quantize: Any, grid: rq.Grid) -> tuple[int, int]:
    """The code that the quantizer gives for the input that is shown, and the one that is told."""
    x, scale, z, code = re.findall(r"x=(.+), scale=(.+), zero_point=(-?\d+): (?:code )?(-?\d+) instead of", said)[-1]
    params = rq.AffineParams(scale=np.float32(eval(scale)), zero_point=int(z), grid=grid)
    return int(quantize(eval(x, {"np": np}).reshape(1), params)[0]), int(code)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["c_cast", pytest.param("swapped_ends", marks=pytest.mark.slow),
                                  pytest.param("to_odd", marks=pytest.mark.slow)])
def test_the_input_that_is_shown_parts_the_two(name: str) -> None:
    quantize = STRANGE[name].quantize
    found, told = codes_shown(str(identify(quantize)), quantize, rq.INT8)
    assert found == told


def test_dependence_on_the_array_is_shown_by_a_call() -> None:
    quantize = STRANGE["the_last_of_seventeen"].quantize
    code, at, among, x, scale, z = re.match(  # type: ignore[union-attr]
        r"code (-?\d+) at index (.+), (-?\d+) in an array of 240\n    x=(.+), scale=(.+), zero_point=(-?\d+)$",
        identify(quantize).arrays).groups()
    params = rq.AffineParams(scale=np.float32(eval(scale)), zero_point=int(z), grid=rq.INT8)
    got = quantize(eval(x, {"np": np}), params)
    assert got[eval(at)] == int(code) != int(among) == rq.quantize(eval(x, {"np": np}), params)[eval(at)]


@pytest.mark.slow
def test_what_is_observed() -> None:
    assert identify(rq.quantize).nan == "refused" and identify(rq.quantize).proven
    said = str(identify(rq.quantize)).splitlines()
    assert said[-2:] == ["This is refquant's own convention.", "As in, except for NaN: ONNX Runtime QuantizeLinear."]
    assert identify(lambda x, p: np.where(np.isnan(x), p.zero_point * 2, rq.quantize(np.nan_to_num(x), p))
                    ).nan == "code 0; code 6 with zero point 3"
    found = identify(box(Convention(cast=NAMED["cast"][1])))
    assert found.infinities == INT32_ENDS


def test_with_zero_point_0_alone_less_is_known_and_that_is_said() -> None:
    def symmetric(x: Any, params: rq.AffineParams) -> Any:
        assert params.zero_point == 0
        return rq.quantize(x, params)

    found = identify(symmetric, symmetric=True)
    assert found.named["rounding"] == ("half_even",) and set(found.named["zero_point"]) == {
        "after_rounding", "before_rounding", "before_rounding_in_float64"}
    assert re.search("These are one function, by several names:\n[^.]*This is refquant's own convention", str(found))

    def in_float64(x: Any, params: rq.AffineParams) -> Any:
        return clipped(np.rint(x.astype(np.float64) / np.float64(params.scale)), params)

    assert set(identify(in_float64, symmetric=True, grid=rq.INT16).named["division"]) == {"in_float64"}


def test_an_array_that_is_refused_is_told_and_nothing_more() -> None:
    def not_empty(x: Any, params: rq.AffineParams) -> Any:
        if not x.size:
            raise IndexError("nothing to do")
        return rq.quantize(x, params)

    found = identify(not_empty)
    assert found.conventions == (Convention(),) and found.arrays.startswith(
        "alike in every length and layout asked, except where it fails: IndexError: nothing to do\n    x=np.array([], ")


# ---------------------------------------------------------------------------------------------- arguments

@pytest.mark.parametrize("grid", [rq.INT32, rq.E4M3, rq.NF4])
def test_grids_that_are_not_asked(grid: Any) -> None:
    with refused(ValueError, "identify", "equal steps and at most 16 bits", repr(grid)):
        identify(rq.quantize, grid=grid)


@pytest.mark.parametrize(("quantize", "kind", "parts"), [
    (5, TypeError, ("must take (x, params)",)),
    (lambda x, p: (rq.quantize(x, p), p.scale), TypeError, ("must return the codes alone", "a tuple of 2", "[0]")),
    (lambda x, p: rq.quantize(x, p).astype(float), TypeError, ("must return integers", "an array of float64")),
    (lambda x, p: rq.quantize(x, p)[:1], ValueError, ("must return x's shape", "(1,) for (2,)")),
    (lambda x, p: rq.quantize(x, [p][int(p.zero_point)]), ValueError, ("every zero point", "symmetric=True"))])
def test_what_no_quantizer_does(quantize: Any, kind: type[Exception], parts: tuple[str, ...]) -> None:
    with refused(kind, "identify", *parts):
        identify(quantize)


def test_plain_numbers_stand_last_in_each_call() -> None:
    points = ordinary(rq.INT8, [0])
    steps = (points.x.astype(np.float64) / points.scale).reshape(CALLS, LENGTH)
    assert (np.abs(2 * steps - np.rint(2 * steps)) > 1e-4)[:, -PLAIN:].mean() > 0.99
    assert len(Identity._fields) == 8


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nearest_rounds_once(dtype: Any) -> None:
    info = np.finfo(dtype)
    one_ulp = Fraction(1, 2 ** (info.nmant + 1))
    assert nearest(1 + one_ulp, dtype) == 1, "a tie goes to the even mantissa"
    assert nearest(1 + one_ulp + Fraction(1, 2**200), dtype) == np.nextafter(dtype(1), dtype(2))
    assert nearest(1 + 3 * one_ulp, dtype) == 1 + 4 * dtype(one_ulp)
    assert nearest(Fraction(float(info.max)) * 3, dtype) == math.inf
    assert nearest(Fraction(-(10**400)), dtype) == -math.inf
    assert nearest(Fraction(float(info.smallest_subnormal)) / 3, dtype) == 0
