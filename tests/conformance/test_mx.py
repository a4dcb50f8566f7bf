"""Scales on a grid against torchao's to_mx and nvfp4_quantize, gguf-py's MXFP4 and gfloat's quantize_block.

Where the core and an engine part, the blocks are named, and refquant.engines.mx is the engine."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from helpers import Extra, needs

import refquant as rq
from refquant.engines import mx as theirs
from refquant.engines.layouts import high_first
from refquant.study.engines.encoders import FOUR_DIGITS

pytestmark = [pytest.mark.conformance,
              pytest.mark.filterwarnings("ignore")]  # torchao's import warns, no data do
torch, gguf, gfloat = (Extra(name, "conformance") for name in ("torch", "gguf", "gfloat"))

GRIDS = {"E4M3": rq.E4M3, "E5M2": rq.E5M2, "E2M3": rq.E2M3, "E3M2": rq.E3M2, "E2M1": rq.E2M1}
FITS: dict[str, Callable[..., rq.AffineParams]] = {"FLOOR": rq.mx_params, "CEIL": rq.mx_ceil_params,
                                                   "EVEN": rq.mx_even_params, "RCEIL": rq.mx_rceil_params}
quiet = np.errstate(all="ignore")


def beside(x: Any, rng: np.random.Generator, most: int = 4) -> Any:
    """Some of x a few float32 steps away."""
    away = np.where(rng.random(x.shape) < 0.5, 0, rng.integers(-most, most + 1, x.shape)).astype(np.int32)
    moved = (np.asarray(x, np.float32).view(np.int32) + away).view(np.float32)
    return np.where(np.isfinite(moved), moved, x).astype(np.float32)  # below 0 there are no bits


@cache
@quiet
def blocks(name: str, size: int = 32, count: int = 12_000) -> Any:
    """Finite blocks. The largest value lies at 2**k, or at a mantissa where a rule changes its mind, a few steps to
    either side; the others at ties of the grid. Random bits, tiny, huge and zero blocks too."""
    rng, grid = np.random.default_rng(2), GRIDS[name]
    turns = [1, 1.5, 1.75, 1.875, 1.9375, np.frexp(grid.qmax)[0] * 2, 2 - 2.0 ** -(grid.mantissa + 1)]
    largest = beside(rng.choice(turns, (count, 1)) * np.exp2(rng.integers(-40, 40, (count, 1))), rng)
    scale = rq.mx_params(-largest, largest, grid).scale
    ties = np.concatenate([grid.values, (grid.values[1:] + grid.values[:-1]) / 2])
    x = beside(rng.choice(ties, (count, size)) * scale, rng)
    x = np.where(np.abs(x) > largest, np.copysign(largest, x), x)
    x[np.arange(count), rng.integers(0, size, count)] = largest[:, 0] * rng.choice([-1, 1], count)
    bits = rng.integers(0, 2**32, (count // 6, size), np.uint32).view(np.float32)
    bits = np.where(np.isfinite(bits), bits, 0)
    normal = rng.standard_normal((count // 3, size)) * np.exp2(rng.integers(-30, 31, (count // 3, 1)))
    tiny = rng.standard_normal((count // 6, size)) * np.exp2(rng.integers(-148, -110, (count // 6, 1)))
    return np.concatenate([x, bits, normal, tiny, np.zeros((10, size))]).astype(np.float32)


def bits_of(a: Any, b: Any) -> None:
    assert a.shape == b.shape and a.dtype == b.dtype and (a == b).all(), (np.argwhere(a != b)[:3], (a != b).sum())


def to_mx(x: Any, name: str, mode: str) -> tuple[Any, Any]:
    """torchao's scale codes and element codes."""
    module = needs("torchao.prototype.mx_formats.mx_tensor", "conformance")
    kinds = {"E4M3": torch.float8_e4m3fn, "E5M2": torch.float8_e5m2, "E2M3": "fp6_e2m3", "E3M2": "fp6_e3m2",
             "E2M1": torch.float4_e2m1fn_x2}
    scale, q = module.to_mx(torch.from_numpy(x), kinds[name], x.shape[-1], module.ScaleCalculationMode[mode])
    q = needs("torchao.prototype.mx_formats.kernels", "conformance").unpack_uint4(q) if name == "E2M1" else q
    return scale.view(torch.uint8).numpy().reshape(-1, 1), q.view(torch.uint8).numpy().reshape(x.shape)


def core(x: Any, name: str, fit: Any) -> tuple[Any, Any]:
    """The core's scale codes and element codes."""
    params = rq.dynamic_params(x, GRIDS[name], axis=-1, fit=fit)
    return rq.E8M0.encode(params.scale), rq.quantize(x, params)


@quiet
@pytest.mark.parametrize("mode", FITS)
@pytest.mark.parametrize("name", GRIDS)
def test_to_mx(name: str, mode: str) -> None:
    x = blocks(name)
    scale, q = to_mx(x, name, mode)
    fit, least = (theirs.ceil_of_float32_log2, 1.0) if mode == "RCEIL" else (FITS[mode], 2.0**-126)
    for got, expected in zip(theirs.to_mx(x, GRIDS[name], fit, least), (scale, q), strict=True):
        bits_of(got, expected)
    ours, codes = core(x, name, FITS[mode])
    zero, least_scale = ~x.any(axis=-1, keepdims=True), scale == 0  # R11 gives 1; 2**-127 divides as 2**-126 or as 1
    logarithm = (scale == ours - 1) & ~zero if mode == "RCEIL" else np.zeros_like(zero)
    assert zero.any() and (ours[zero] == 127).all() and (least_scale & ~zero).any()
    assert logarithm.any() == (mode == "RCEIL")
    assert (ours == scale)[~(zero | logarithm)].all()
    same_rows = ~(zero | least_scale | logarithm)[:, 0]
    assert same_rows.mean() > 0.6
    bits_of(codes[same_rows], q[same_rows])
    assert (codes == q)[zero[:, 0]].all()


@quiet
@pytest.mark.parametrize("name", GRIDS)
def test_the_logarithm_of_float32_is_one_off_beside_a_power_of_two(name: str) -> None:
    rng, grid = np.random.default_rng(3), GRIDS[name]
    power = np.exp2(rng.integers(-60, 60, 20_000)).astype(np.float32)
    near = rng.integers(0, 6, power.shape).astype(np.int32)
    below = (power.view(np.int32) - near).view(np.float32)
    ratio = theirs.floor_of_float32_log2(-below, below, grid).scale / rq.mx_params(-below, below, grid).scale
    assert set(np.unique(ratio)) == {1, 2} and (ratio[near == 0] == 1).all()
    above = ((power * np.float32(grid.qmax)).view(np.int32) + near).view(np.float32)
    ratio = theirs.ceil_of_float32_log2(-above, above, grid).scale / rq.mx_rceil_params(-above, above, grid).scale
    assert set(np.unique(ratio)) == {0.5, 1} and (ratio[near == 0] == 1).all()


@quiet
@pytest.mark.parametrize("name", GRIDS)
def test_gfloat_rounds_blocks_as_the_core_does(name: str) -> None:
    kind = getattr(needs("gfloat.formats", "conformance"), f"format_info_ocp_{name.lower()}")
    scales = needs("gfloat.formats", "conformance").format_info_ocp_e8m0
    info = gfloat.BlockFormatInfo("mx", kind, 32, scales)
    x = np.random.default_rng(4).permutation(blocks(name))[:300]
    params = rq.dynamic_params(x, GRIDS[name], axis=-1, fit=rq.mx_params)
    ours = rq.dequantize(rq.quantize(x, params), params)
    for block, x_hat in zip(x, ours, strict=True):
        expected = gfloat.quantize_block(info, block.astype(np.float64), gfloat.compute_scale_amax)
        assert (np.float32(expected) == x_hat).all()


@quiet
def test_mxfp4_of_gguf() -> None:
    x = blocks("E2M1")
    x = x[(np.abs(x).max(axis=-1) > 2.0**-124) | ~x.any(axis=-1)]
    kind = gguf.GGMLQuantizationType.MXFP4
    stored = gguf.quants.quantize(x.reshape(-1), kind).reshape(len(x), 17)
    scale, q = theirs.mxfp4_gguf(x)
    bits_of(scale, stored[:, :1])
    bits_of(q, np.concatenate([stored[:, 1:] & 15, stored[:, 1:] >> 4], axis=-1))
    ours, codes = core(x, "E2M1", rq.mx_params)
    zero = ~x.any(axis=-1, keepdims=True)
    twice = (scale == ours + 1) & ~zero
    assert twice.any() and (ours == scale)[~(twice | zero)].all()
    rows = (ours == scale)[:, 0]
    differ = rq.E2M1.decode(codes[rows]) != rq.E2M1.decode(q[rows])
    v = np.abs(x[rows] / rq.E8M0.decode(ours[rows]))
    assert differ.any() and np.isin(v[differ], [0.75, 1.75, 3.5]).all()  # ties that even sends away from zero


# ---------------------------------------------------------------------------------------------- NVFP4

NEAR = 30_000  # blocks of nvfp4_blocks whose values are near ties; the others are normal

def seconds(x: Any) -> list[Any]:
    """Second scales: the usual one, a power of two, any."""
    return [np.abs(x).max() / np.float32(2688), np.float32(2.0**-5), np.float32(0.0457589), np.float32(1 / 3)]


@cache
@quiet
def nvfp4_blocks() -> Any:
    """Blocks of 16 whose values are near ties of a scale on E4M3, and normal ones."""
    rng = np.random.default_rng(5)
    ties = np.concatenate([rq.E2M1.values, (rq.E2M1.values[1:] + rq.E2M1.values[:-1]) / 2])
    scale = rng.choice(rq.E4M3.values[128:], (NEAR, 1))
    near = beside((rng.choice(ties, (NEAR, 16)) * scale).astype(np.float32), rng, 1)
    normal = rng.standard_normal((30_000, 16)) * np.exp2(rng.integers(-9, 9, (30_000, 1)))
    return np.concatenate([near, normal, np.zeros((4, 16))]).astype(np.float32)


@quiet
def test_scales_of_gguf() -> None:
    rng = np.random.default_rng(6)
    values = rq.E4M3.values[126:]
    points = np.concatenate([values, (values[1:] + values[:-1]) / 2]).astype(np.float32)
    wide = np.exp2(rng.uniform(-12, 10, 200_000)).astype(np.float32)
    x = np.concatenate([beside(np.repeat(points, 100), rng, 6), wide])
    bits_of(theirs.unsigned_e4m3_ggml(x), gguf.quants.NVFP4.fp32_to_ue4m3(x))


@quiet
def test_nvfp4_of_torchao() -> None:
    module = needs("torchao.prototype.mx_formats.nvfp4_tensor", "conformance")
    unpack = needs("torchao.prototype.mx_formats.kernels", "conformance").unpack_uint4
    x = nvfp4_blocks()
    for second in (None, *seconds(x)):
        scale, q = module.nvfp4_quantize(torch.from_numpy(x), 16, None if second is None else torch.tensor(second))
        ours, codes = theirs.nvfp4_torchao(x, second)
        bits_of(ours, scale.view(torch.uint8).numpy().reshape(-1, 1))
        bits_of(codes, unpack(q.view(torch.uint8)).numpy().reshape(x.shape))


def two_level(x: Any, second: Any) -> tuple[Any, Any]:
    """The core's codes of the scales, and of the values."""
    params = rq.dynamic_params(x, rq.E2M1, axis=-1, fit=rq.two_level(rq.E4M3, scale=second))
    return rq.E4M3.encode(params.scale / second), rq.quantize(x, params)


@quiet
@pytest.mark.parametrize(("dialect", "inverse", "least"), [(theirs.nvfp4_torchao, False, 2.0**-6),
                                                           (theirs.nvfp4_compressed_tensors, True, 2.0**-10)])
def test_where_two_level_and_nvfp4_part(dialect: Any, inverse: bool, least: float) -> None:
    """Scales: of zero blocks; small ones, since torchao takes none below 2**-6 and compressed-tensors rounds to 0; and
    ties. Values under equal scales: within 2 float32 steps of a tie, which a reciprocal or another order of operations
    moves: up to 1 % of the values near ties, none of half a million normal ones.
    """
    x, shares = nvfp4_blocks(), []
    for second in seconds(x):
        scale, q = dialect(x, 1 / second if inverse else second)
        ours, codes = two_level(x, second)
        wanted = np.abs(x).max(axis=-1, keepdims=True) / 6 / second.astype(np.float64)
        named = (wanted <= least) | near_tie(wanted, rq.E4M3.values)
        assert (ours == scale)[~named].all()
        v = x.astype(np.float64) / (rq.E4M3.decode(ours).astype(np.float64) * float(second))
        differ = (codes != q) & (ours == scale)
        assert near_tie(v, rq.E2M1.values)[differ].all() and not differ[NEAR:].any()
        shares.append(differ[:NEAR].mean())
    assert 0.001 < max(shares) < 0.01, shares


def near_tie(v: Any, values: Any) -> Any:
    """Within 2 float32 steps of the middle of two neighbouring values."""
    middles = (values[1:] + values[:-1]) / 2
    at = np.searchsorted(middles, v).clip(1, len(middles) - 1)
    gap = np.minimum(np.abs(v - middles[at - 1]), np.abs(v - middles[at]))
    return gap <= np.abs(v) * 2.0**-22


# ---------------------------------------------------------------------------------------------- NF4

@quiet
def test_torchao_has_nf4_to_four_digits() -> None:
    """Its codes are the nearest of NF4 rounded to four digits, x divided by max|x|, ties to the lower; two a byte, the
    first in the high bits. (Its scales are quantized a second time, which these codes do not see.)"""
    module = needs("torchao.quantization.quantize_.workflows.nf4.nf4_tensor", "conformance")
    rng, levels = np.random.default_rng(7), FOUR_DIGITS.values.astype(np.float32)
    middles = (levels[1:] + levels[:-1]) / np.float32(2)
    largest = np.exp2(rng.uniform(-10, 10, (2**14, 1))).astype(np.float32)
    x = np.where(rng.random((2**14, 64)) < 0.5, beside(rng.choice(middles, (2**14, 64)) * largest, rng, 3),
                 rng.uniform(-1, 1, (2**14, 64)) * largest).astype(np.float32)
    x[:, 0] = largest[:, 0]
    stored = module.NF4Tensor.from_tensor(torch.from_numpy(x), 64, 256).quantized_data.numpy().ravel()
    codes = FOUR_DIGITS.encode(x / largest)
    packed = rq.pack(codes, rq.UINT4, high_first(4))
    parted = np.argwhere(np.stack([packed >> 4, packed & 15], -1) != np.stack([stored >> 4, stored & 15], -1))
    v = (x / largest).reshape(-1, 2)[tuple(parted.T)]
    assert near_tie(v, FOUR_DIGITS.values).all() and len(parted) < 1e-3 * x.size, "argmin of |x - level| in float32"
