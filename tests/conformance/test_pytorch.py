"""refquant.engines.pytorch and torchao against the installed engines, bit for bit, a million values an operator.

`python tests/conformance/test_pytorch.py` records tests/golden/pytorch.json, which
tests/engines/test_engine_pytorch.py reads.
"""

import json
import platform
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from helpers import needs, refused
from recorded import GOLDEN, decoded, differing, encoded, named, outputs

import refquant as rq
from refquant.engines import pytorch as ours
from refquant.engines import torchao as ours_ao

pytestmark = [pytest.mark.conformance,
              pytest.mark.filterwarnings("ignore")]  # quantized tensors and reduce_range are deprecated, no data warns

ENOUGH = 4_000_000
GRIDS = (rq.INT8, rq.UINT8, rq.INT4, rq.UINT4, rq.IntGrid(8, narrow=True), rq.INT16, rq.UINT16)
SCALES = (0.1, 0.0235, 1 / 3, 1.0, 1e-3, 2.0**-8, 3.0, 3e37, 1e-38, 7.7e-41, 1e-46, 1e39, 0.0, -0.1, np.inf, np.nan)
Draw = Callable[[np.random.Generator, int], tuple[Any, ...]]


# ---------------------------------------------------------------------------------------------- decision points

def steps(rng: np.random.Generator, shape: Any) -> Any:
    """Scales: usual ones, any, and a few that are zero, negative, infinite, NaN or whose reciprocal is."""
    usual = rng.choice(SCALES[:7], shape)
    any_ = rng.uniform(0.5, 2, shape) * 10.0 ** rng.integers(-4, 4, shape)
    return np.choose(rng.choice(3, shape, p=[0.45, 0.5, 0.05]), [usual, any_, rng.choice(SCALES, shape)])


def zeros(rng: np.random.Generator, shape: Any, grid: rq.IntGrid) -> Any:
    """Zero points: the ends, near 0, any."""
    near = np.clip(rng.integers(-200, 201, shape), grid.qmin, grid.qmax)
    any_ = rng.integers(grid.qmin, grid.qmax + 1, shape)
    return np.choose(rng.choice(4, shape), [any_, near, near, rng.choice([grid.qmin, grid.qmax], shape)])


def points(rng: np.random.Generator, scale: Any, zero_point: Any, grid: rq.IntGrid, dtype: Any = np.float32) -> Any:
    """Codes and ties times the scale, up to 3 ulps beside; any in and around the range; any bits; subnormals; huge."""
    shape, info = np.shape(scale), np.finfo(dtype)
    scale, zero_point = np.asarray(scale, np.float64), np.asarray(zero_point)
    if grid.bits == 32:
        k = rng.integers(-300, 301, shape)
    else:
        k = rng.integers(grid.qmin - 3, grid.qmax + 4, shape) - zero_point
    x = ((k + rng.choice([0, 0.5, -0.5, 0.25], shape)) * scale).astype(dtype)
    away = rng.integers(-3, 4, shape)
    for i in range(3):
        to = np.where(away > 0, np.inf, -np.inf).astype(dtype)
        x = np.where(np.abs(away) > i, np.nextafter(x, to), x)
    spread = (rng.uniform(-1.2, 1.2, shape) * (grid.qmax - grid.qmin) * scale).astype(dtype)
    bits = rng.integers(0, 256, (*shape, info.dtype.itemsize), np.uint8).view(dtype)[..., 0]
    tiny = (rng.integers(-100, 101, shape) * info.smallest_subnormal).astype(dtype)
    far = [np.inf, -np.inf, np.nan, 0.0, -0.0, info.max, -info.max, 2.0**31, -2.0**31, 2.0**62, 2.0**63, -2.0**63, 1e20]
    special = rng.choice(np.array(far).astype(dtype), shape)
    return np.choose(rng.choice(8, shape, p=[0.3, 0.2, 0.2, 0.1, 0.1, 0.05, 0.025, 0.025]),
                     [x, x, spread, spread, bits, bits, tiny, special]).astype(dtype)


def shape_of(rng: np.random.Generator, size: int, least: int = 1) -> tuple[int, ...]:
    """least to 4 axes of about `size` values together, odd lengths among them."""
    n = int(rng.integers(least, 5))
    cuts = [int(v) for v in rng.integers(1, max(2, int(size ** (1 / n))) + 1, n - 1)]
    return tuple(int(v) for v in rng.permutation([*cuts, max(1, size // int(np.prod(cuts, dtype=int)))]))


def channels(rng: np.random.Generator, size: int, grid: rq.IntGrid, dtype: Any = np.float32) -> tuple[Any, ...]:
    """x, scales, zero_points, axis."""
    shape = shape_of(rng, size)
    axis = int(rng.integers(len(shape)))
    scales, zero_points = steps(rng, shape[axis]), zeros(rng, shape[axis], grid)
    along = [-1 if i == axis else 1 for i in range(len(shape))]
    x = points(rng, np.broadcast_to(scales.reshape(along), shape),
               np.broadcast_to(zero_points.reshape(along), shape), grid, dtype)
    return x, scales, zero_points, axis


def classic(rng: np.random.Generator) -> rq.IntGrid:
    return (rq.INT8, rq.UINT8, rq.INT8, rq.UINT8, rq.INT32)[rng.integers(5)]


def a_grid(rng: np.random.Generator) -> rq.IntGrid:
    return GRIDS[rng.integers(len(GRIDS))]


def a_float(rng: np.random.Generator) -> Any:
    return (np.float32, np.float16, np.float64)[rng.choice(3, p=[0.5, 0.25, 0.25])]


def draw_tensor(rng: np.random.Generator, size: int) -> tuple[Any, ...]:
    grid, scale = classic(rng), float(steps(rng, ()))
    zero_point, shape = int(zeros(rng, (), grid)), shape_of(rng, size)
    return points(rng, np.full(shape, scale), zero_point, grid), scale, zero_point, grid


def draw_channels(rng: np.random.Generator, size: int) -> tuple[Any, ...]:
    grid = classic(rng)
    x, scales, zero_points, axis = channels(rng, size, grid)
    return x, scales if rng.random() < 0.5 else scales.astype(np.float32), zero_points, axis, grid


def codes_of(x: Any, rng: np.random.Generator, grid: rq.IntGrid) -> Any:
    return rng.integers(grid.qmin, grid.qmax + 1, x.shape).astype(grid.dtype)


def draw_tensor_codes(rng: np.random.Generator, size: int) -> tuple[Any, ...]:
    x, scale, zero_point, grid = draw_tensor(rng, size)
    return codes_of(x, rng, grid), scale, zero_point, grid


def draw_channel_codes(rng: np.random.Generator, size: int) -> tuple[Any, ...]:
    x, scales, zero_points, axis, grid = draw_channels(rng, size)
    return codes_of(x, rng, grid), scales, zero_points, axis, grid


def draw_fake(rng: np.random.Generator, size: int) -> tuple[Any, ...]:
    grid, scale = a_grid(rng), float(steps(rng, ()))
    zero_point, shape = int(zeros(rng, (), grid)), shape_of(rng, size)
    return points(rng, np.full(shape, scale), zero_point, grid, a_float(rng)), scale, zero_point, grid


def draw_fake_channels(rng: np.random.Generator, size: int) -> tuple[Any, ...]:
    grid = a_grid(rng)
    x, scales, zero_points, axis = channels(rng, size, grid, a_float(rng))
    return x, scales.astype(np.float32), zero_points.astype(np.int32), axis, grid


def ranges(rng: np.random.Generator, n: int) -> tuple[Any, ...]:
    """lo <= hi: of few digits, so that zero points lie on ties; any; tiny; huge; infinite; NaN."""
    kind = rng.choice(6, n, p=[0.4, 0.4, 0.08, 0.06, 0.03, 0.03])
    scale = np.choose(kind, [0.5, 10.0 ** rng.integers(-9, 6, n), 1e-40, 2e38, 1.0, 1.0])
    a, b = (np.where(kind == 0, rng.integers(-300, 301, n), rng.uniform(-1.5, 1.5, n)) * scale for _ in range(2))
    a, b = (np.where(rng.random(n) < 0.1, 0, v).astype(np.float32) for v in (a, b))
    b = np.where((kind == 4) & (rng.random(n) < 0.7), np.inf, b)
    a = np.where((kind == 4) & (rng.random(n) < 0.7), -np.inf, a)
    a, b = np.minimum(a, b), np.maximum(a, b)
    nan = kind == 5
    return np.where(nan, np.nan, a).astype(np.float32), np.where(nan, np.nan, b).astype(np.float32)


def some_grid(rng: np.random.Generator, fit: Any) -> rq.IntGrid:
    """A grid that PyTorch's observers have for a dtype or by quant_min and quant_max."""
    every = (*GRIDS, rq.INT32, rq.IntGrid(7), *([rq.IntGrid(7, signed=False)] if fit is ours.affine_qparams else []))
    return every[rng.integers(len(every))]


def a_fit(rng: np.random.Generator) -> Any:
    return (ours.affine_qparams, ours.symmetric_qparams)[rng.integers(2)]


def draw_qparams(fit: Any) -> Draw:
    return lambda rng, size: (*ranges(rng, size), some_grid(rng, fit), float(rng.choice([ours.EPS, 1e-12, 0.01])))


def draw_batches(rng: np.random.Generator, size: int) -> tuple[Any, ...]:
    """Batches of one channel: the tensor observers are compared call by call."""
    lo, hi = ranges(rng, size)
    fit = a_fit(rng)
    halves = zip(np.split(lo, 2), np.split(hi, 2), strict=True)
    return [np.stack(pair).ravel() for pair in halves], some_grid(rng, fit), fit


def draw_channel_batches(rng: np.random.Generator, size: int) -> tuple[Any, ...]:
    """Three batches (.., C, ..), one of them in float64."""
    fit, ch_axis = a_fit(rng), int(rng.integers(3))
    batches = [np.moveaxis(np.stack([*ranges(rng, size // 6)]).reshape(2, 1, -1), 2, ch_axis) for _ in range(3)]
    batches[1] = batches[1].astype(np.float64) * (1 + 2.0**-30)
    return batches, some_grid(rng, fit), fit, ch_axis


def averaged(draw: Draw) -> Draw:
    return lambda rng, size: (*draw(rng, size), float(rng.choice([0.01, 0.1, 0.5, 1.0, rng.random()])))


MAPPINGS = (ours_ao.asymmetric, ours_ao.symmetric, ours_ao.symmetric_no_clipping_err,
            ours_ao.asymmetric_dont_preserve_zero)


def blocks(rng: np.random.Generator, size: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """A shape, and a block that divides it: whole axes, single values, groups."""
    small = size < 100
    block = tuple(int(v) for v in rng.choice([1, 2, 3] if small else [1, 2, 3, 8, 32], rng.integers(1, 4 - small)))
    times = [int(v) for v in rng.integers(1, 3 if small else 9, len(block))]
    times[0] = max(1, size // int(np.prod(block) * np.prod(times[1:], dtype=int)))
    shape = tuple(b * t for b, t in zip(block, times, strict=True))
    whole = rng.random(len(shape)) < 0.2
    return shape, tuple(n if w else b for n, b, w in zip(shape, block, whole, strict=True))


def ao_grid(rng: np.random.Generator, dtype: Any) -> rq.IntGrid:
    every = [g for g in (*GRIDS, rq.INT2, rq.UINT2) if g.bits <= (8 if dtype == np.float16 else 15 + g.signed)]
    return every[rng.integers(len(every))]


def draw_choose(rng: np.random.Generator, size: int) -> tuple[Any, ...]:
    dtype = (np.float32, np.float16)[rng.integers(2)]
    shape, block = blocks(rng, size)
    lo, hi = ranges(rng, int(np.prod(shape)))
    x = np.where(rng.random(lo.size) < 0.5, lo, hi).astype(dtype)
    x = np.where(np.isfinite(x) | (rng.random(x.size) < 0.05), x, 1).reshape(shape).astype(dtype)
    x *= dtype(rng.choice([1, 1, 1e-3, 0]))
    return x, MAPPINGS[rng.integers(4)], block, ao_grid(rng, dtype), (None, None, 0.01)[rng.integers(3)]


def draw_ao(rng: np.random.Generator, size: int) -> tuple[Any, ...]:
    x_dtype, dtype = ((np.float32, np.float16)[i] for i in rng.integers(2, size=2))
    grid = ao_grid(rng, np.float16 if np.float16 in (x_dtype, dtype) else dtype)
    shape, block = blocks(rng, size)
    split = ours_ao._blocks("test", shape, block)
    kept = tuple(1 if i % 2 else n for i, n in enumerate(split))
    scale, zero_point = steps(rng, kept).astype(dtype), zeros(rng, kept, grid)
    x = points(rng, np.broadcast_to(scale, split), np.broadcast_to(zero_point, split), grid, x_dtype).reshape(shape)
    return x, block, scale, zero_point.astype(np.int32), grid


def draw_ao_codes(rng: np.random.Generator, size: int) -> tuple[Any, ...]:
    x, block, scale, zero_point, grid = draw_ao(rng, size)
    return codes_of(x, rng, grid), block, scale, zero_point, grid, (np.float32, np.float16)[rng.integers(2)]


# ---------------------------------------------------------------------------------------------- the engines

def engines() -> dict[str, tuple[Draw, Callable[..., Any]]]:
    """Each function's data, and the engine's operator with the same arguments."""
    torch = needs("torch", "conformance")
    ao = needs("torchao.quantization.quant_primitives", "conformance")
    observers = torch.ao.quantization
    torch.set_num_threads(1)
    tensor = torch.from_numpy
    qtype = {rq.INT8: torch.qint8, rq.UINT8: torch.quint8, rq.INT32: torch.qint32}

    def quantized(x: Any, scale: float, zero_point: int, grid: rq.IntGrid) -> Any:
        return torch.quantize_per_tensor(tensor(x), scale, zero_point, qtype[grid])

    def channel_wise(x: Any, scales: Any, zero_points: Any, axis: int, grid: rq.IntGrid) -> Any:
        a = tensor(x)
        if x.ndim == 4 and axis < 2 and x.size % 2:
            a = a.contiguous(memory_format=torch.channels_last)
        return torch.quantize_per_channel(a, tensor(scales), tensor(zero_points), axis, qtype[grid])

    def from_codes(q: Any, scale: float, zero_point: int, _: rq.IntGrid) -> Any:
        return torch._make_per_tensor_quantized_tensor(tensor(q), scale, zero_point).dequantize().numpy()

    def from_channel_codes(q: Any, scales: Any, zero_points: Any, axis: int, _: rq.IntGrid) -> Any:
        made = torch._make_per_channel_quantized_tensor(tensor(q), tensor(scales), tensor(zero_points), axis)
        return made.dequantize().numpy()

    def fake(x: Any, scale: float, zero_point: int, grid: rq.IntGrid) -> Any:
        op = torch.ops.aten.fake_quantize_per_tensor_affine_cachemask
        return tuple(v.numpy() for v in op(tensor(x), scale, zero_point, grid.qmin, grid.qmax))

    def fake_channels(x: Any, scales: Any, zero_points: Any, axis: int, grid: rq.IntGrid) -> Any:
        op = torch.ops.aten.fake_quantize_per_channel_affine_cachemask
        a = op(tensor(x), tensor(scales), tensor(zero_points), axis, grid.qmin, grid.qmax)
        return tuple(v.numpy() for v in a)

    def asked(grid: rq.IntGrid, fit: Any, kind: str) -> dict[str, Any]:
        """The observer's options that make this grid."""
        plain = {rq.INT8: torch.qint8, rq.UINT8: torch.quint8, rq.INT16: torch.int16, rq.UINT16: torch.uint16,
                 rq.INT32: torch.qint32}
        scheme = getattr(torch, f"per_{kind}_{fit.__name__.removesuffix('_qparams')}")
        if grid.bits == 7:  # reduce_range halves what the dtype has
            return {"dtype": torch.qint8 if grid.signed else torch.quint8, "qscheme": scheme, "reduce_range": True}
        if grid in plain:
            return {"dtype": plain[grid], "qscheme": scheme}
        return {"dtype": torch.qint8 if grid.signed else torch.quint8, "qscheme": scheme, "quant_min": grid.qmin,
                "quant_max": grid.qmax}

    def seen(observer: Any, batches: Any) -> Any:
        for x in batches:
            observer(tensor(x))
        return tuple(v.numpy() for v in observer.calculate_qparams())

    def qparams(fit: Any) -> Callable[..., Any]:
        return lambda lo, hi, grid, eps: seen(
            observers.PerChannelMinMaxObserver(**asked(grid, fit, "channel"), eps=eps), [np.stack([lo, hi], axis=1)])

    def whole(kind: str, **options: str) -> Callable[..., Any]:
        def call(batches: Any, grid: rq.IntGrid, fit: Any, *rest: Any) -> Any:
            given = dict(zip(options.values(), rest, strict=True))
            per = "tensor" if "ch_axis" not in options.values() else "channel"
            a = seen(getattr(observers, kind)(**asked(grid, fit, per), **given), batches)
            return a if per == "channel" else tuple(v.reshape(()) for v in a)
        return call

    def dtypes(grid: rq.IntGrid) -> tuple[Any, int, int]:
        return getattr(torch, grid.dtype.name), grid.qmin, grid.qmax

    def choose(x: Any, mapping: Any, block: Any, grid: rq.IntGrid, eps: Any) -> Any:
        if mapping is ours_ao.asymmetric_dont_preserve_zero:
            op, kind = ao._choose_qparams_affine_dont_preserve_zero, ao.MappingType.ASYMMETRIC
        else:
            op, kind = ao.choose_qparams_affine, ao.MappingType[mapping.__name__.upper()]
        return tuple(v.numpy() for v in op(tensor(x), kind, block, *dtypes(grid), eps))

    def group_wise(x: Any, block: Any, scale: Any, zero_point: Any, grid: rq.IntGrid) -> Any:
        return ao.quantize_affine(tensor(x), block, tensor(scale), tensor(zero_point), *dtypes(grid)).numpy()

    def from_groups(q: Any, block: Any, scale: Any, zero_point: Any, grid: rq.IntGrid, dtype: Any) -> Any:
        return ao.dequantize_affine(tensor(q), block, tensor(scale), tensor(zero_point), *dtypes(grid),
                                    output_dtype=getattr(torch, dtype.__name__)).numpy()

    return {
        "pytorch.quantize_per_tensor": (draw_tensor, lambda *a: quantized(*a).int_repr().numpy()),
        "pytorch.quantize_per_channel": (draw_channels, lambda *a: channel_wise(*a).int_repr().numpy()),
        "pytorch.dequantize_per_tensor": (draw_tensor_codes, from_codes),
        "pytorch.dequantize_per_channel": (draw_channel_codes, from_channel_codes),
        "pytorch.fake_quantize_per_tensor_affine": (draw_fake, fake),
        "pytorch.fake_quantize_per_channel_affine": (draw_fake_channels, fake_channels),
        "pytorch.affine_qparams": (draw_qparams(ours.affine_qparams), qparams(ours.affine_qparams)),
        "pytorch.symmetric_qparams": (draw_qparams(ours.symmetric_qparams), qparams(ours.symmetric_qparams)),
        "pytorch.min_max_observer": (draw_batches, whole("MinMaxObserver")),
        "pytorch.per_channel_min_max_observer": (
            draw_channel_batches, whole("PerChannelMinMaxObserver", a="ch_axis")),
        "pytorch.moving_average_min_max_observer": (
            averaged(draw_batches), whole("MovingAverageMinMaxObserver", a="averaging_constant")),
        "pytorch.moving_average_per_channel_min_max_observer": (
            averaged(draw_channel_batches),
            whole("MovingAveragePerChannelMinMaxObserver", a="ch_axis", b="averaging_constant")),
        "torchao.choose_qparams_affine": (draw_choose, choose),
        "torchao.quantize_affine": (draw_ao, group_wise),
        "torchao.dequantize_affine": (draw_ao_codes, from_groups),
    }


NAMES = [f"pytorch.{name}" for name in (
    "quantize_per_tensor", "quantize_per_channel", "dequantize_per_tensor", "dequantize_per_channel",
    "fake_quantize_per_tensor_affine", "fake_quantize_per_channel_affine", "affine_qparams", "symmetric_qparams",
    "min_max_observer", "per_channel_min_max_observer", "moving_average_min_max_observer",
    "moving_average_per_channel_min_max_observer")] + [
    f"torchao.{name}" for name in ("choose_qparams_affine", "quantize_affine", "dequantize_affine")]


@pytest.fixture(scope="module")
def installed() -> dict[str, Any]:
    return engines()


def versions() -> str:
    import torch
    import torchao
    return (f"torch {torch.__version__}, torchao {torchao.__version__}, {platform.machine()}, "
            f"{torch.backends.cpu.get_cpu_capability()}")


def sizes(name: str) -> tuple[int, ...]:
    """Values a call: from single ones, where vector loops have only a tail, to many."""
    one_channel = name in ("pytorch.min_max_observer", "pytorch.moving_average_min_max_observer")
    return (2, 4, 20, 600, 6000) if one_channel else (6, 30, 600, 6000, 40000)


def values(arguments: tuple[Any, ...]) -> int:
    data = arguments[0]
    return sum(x.size for x in data) if isinstance(data, list) else int(np.size(data))


def test_the_engine(installed: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert list(installed) == NAMES
    with capsys.disabled():
        print(f"\n{versions()}")


def crossed(arguments: tuple[Any, ...]) -> bool:
    """Whether moving ends have passed one another by their roundings, which both sides refuse."""
    if not isinstance(arguments[-1], float) or not isinstance(arguments[0], list):
        return False
    batches, ch_axis = arguments[0], arguments[3] if len(arguments) == 5 else None
    with np.errstate(all="ignore"):
        lo, hi = ours._moved([ours._channel_ends(x.astype(np.float32), ch_axis) if ch_axis is not None else
                                   (x.min(), x.max()) for x in batches], arguments[-1])
    return bool((lo > hi).any())


@pytest.mark.parametrize("name", NAMES)
def test_bit_for_bit(name: str, installed: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    draw, theirs = installed[name]
    rng, compared, calls = np.random.default_rng(len(name)), 0, 0
    while compared < ENOUGH:
        arguments = draw(rng, sizes(name)[calls % 5])
        if crossed(arguments):
            with pytest.raises(AssertionError, match="should be less than max"):
                theirs(*arguments)
            with refused(ValueError, "`lo` must be at most `hi`"):
                named(name)(*arguments)
            continue
        for a, b in zip(outputs(named(name)(*arguments)), outputs(theirs(*arguments)), strict=True):
            wrong = differing(a, b)
            assert not wrong.any(), (int(wrong.sum()), a[wrong][:3], b[wrong][:3], encoded(arguments[1:])
                                     if wrong.size > 100 else encoded(arguments))
        compared, calls = compared + values(arguments), calls + 1
    with capsys.disabled():
        print(f"{name}: {compared:,} values in {calls} calls, no bit differs")


def test_the_mask_is_autograd_s() -> None:
    torch = needs("torch", "conformance")
    rng = np.random.default_rng(1)
    for _ in range(20):
        x, scale, zero_point, grid = draw_fake(rng, 500)
        a = torch.from_numpy(x).requires_grad_()
        torch.fake_quantize_per_tensor_affine(a, scale, zero_point, grid.qmin, grid.qmax).sum().backward()
        passed = ours.fake_quantize_per_tensor_affine(x, scale, zero_point, grid)[1]
        assert (a.grad.numpy() == passed).all()


def test_fused_ties_that_two_roundings_miss(installed: dict[str, Any]) -> None:
    """x * (1 / scale) + 128 lies beside a tie of float32 by less than float64 sees."""
    x, scale = np.full(40, 0.720255, np.float32), float(np.float32(1.4404881))
    theirs = installed["pytorch.quantize_per_tensor"][1](x, scale, 128, rq.UINT8)
    assert (theirs == 129).all() and (ours.quantize_per_tensor(x, scale, 128, rq.UINT8) == 129).all()


def test_what_is_recorded_is_what_the_engine_gives(installed: dict[str, Any]) -> None:
    for name, cases in json.loads(GOLDEN.read_text(encoding="utf-8"))["operators"].items():
        for case in cases:
            for a, b in zip(outputs(installed[name][1](*arguments_of(case))), decoded(case["results"]), strict=True):
                assert not differing(a, b).any(), name


def arguments_of(case: dict[str, Any]) -> list[Any]:
    return [tuple(v) if isinstance(v, list) and all(type(n) is int for n in v) else v
            for v in decoded(case["arguments"])]


# ---------------------------------------------------------------------------------------------- the golden vectors

def fixed() -> dict[str, list[tuple[Any, ...]]]:
    """Decision points chosen by hand; the rest is drawn."""
    f = np.float32
    x = f([0.5, 1.5, 2.5, -0.5, -1.5, -2.5, np.nan, np.inf, -np.inf, 3e9, 1e20, -1e20, 127.5, -128.5, -128.50002, 0])
    cells = [(x, 1.0, z, g) for g in (rq.INT8, rq.UINT8) for z in (0, 1)]
    beside = [(f([3.9499998]), 0.1, 0, rq.INT8), (f([-1.77425]), 0.0235, 17, rq.INT8)]
    each = [(v, np.full(v.size, s), np.full(v.size, z, np.int32), 0, g) for v, s, z, g in (*cells, *beside)]
    return {
        "pytorch.quantize_per_tensor": [*cells, *beside, (f([0.720255]), float(f(1.4404881)), 128, rq.UINT8),
                                        (x, 1.0, 1, rq.INT32)],
        "pytorch.quantize_per_channel": each,
        "pytorch.fake_quantize_per_tensor_affine": [*cells, *beside],
        "pytorch.fake_quantize_per_channel_affine": [(v, s.astype(f), z, a, g) for v, s, z, a, g in each],
        "pytorch.dequantize_per_channel": [(np.int8([9]), np.array([0.1]), np.array([0]), 0, rq.INT8)],
    }


def record() -> None:
    """tests/golden/pytorch.json: small cases of every operator."""
    warnings.simplefilter("ignore")
    rng, chosen, operators = np.random.default_rng(8), fixed(), {}
    for name, (draw, theirs) in engines().items():
        drawn = [draw(rng, 8 if "observer" not in name else (6, 18)["per_channel" in name]) for _ in range(7)]
        operators[name] = [{"arguments": encoded(list(a)), "results": encoded(outputs(theirs(*a)))}
                           for a in (*chosen.get(name, []), *drawn) if not crossed(a)]
    lines = [f'"{name}": [\n' + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "]"
             for name, cases in operators.items()]
    GOLDEN.parent.mkdir(exist_ok=True)
    GOLDEN.write_text(f'{{"engine": {json.dumps(versions())},\n"operators": {{\n' + ",\n".join(lines) + "}}\n",
                      encoding="utf-8")
    print(f"{GOLDEN}: {GOLDEN.stat().st_size:,} bytes, {versions()}")


if __name__ == "__main__":
    record()
