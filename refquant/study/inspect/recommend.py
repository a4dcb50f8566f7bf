"""Which scheme is recommended, why, and which engines take it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

from ..results import count
from .measure import Measured
from .schemes import Scheme

NEAR = 1.0  # dB within which the simpler scheme is preferred
ENOUGH = 35.0  # dB, an error of 1.8 %: more counts as this
DB_PER_BIT = 6.02


def net(r: Measured) -> float:
    """min(SQNR with all channels alike, 35 dB), less 6.02 dB for each bit per value that scales of blocks take."""
    spent = r.bits_per_value - r.scheme.grid.bits if r.scheme.block else 0.0
    return min(r.channel_sqnr_db, ENOUGH) - DB_PER_BIT * spent


def simplest(r: Measured) -> tuple[float, ...]:
    """Channels before blocks, symmetric before affine, whole ranges before cut ones; one scale, the first axis, large
    blocks along the last."""
    s = r.scheme
    axis = -1 if s.axis is None else s.axis
    return bool(s.block), s.affine, s.clip < 1 or s.rule != "minmax", -(s.block or 0), -axis if s.block else axis


def asked(results: Sequence[Measured], formats: Sequence[str] | None) -> list[Measured]:
    """Those of the formats; of integers if none are named."""
    return [r for r in results if (r.scheme.format in formats if formats else r.scheme.integer)]


def choose(results: Sequence[Measured], formats: Sequence[str] | None,
           verified: Callable[[Scheme], Measured] | None = None) -> Measured:
    """The recommended one of one width; verified: measures a scheme on all values, where results are of a sample.

    A verified scheme that makes channels all 0 is held against the next, up to four.
    """
    left, tried = asked(results, formats), list[Measured]()
    while left:
        keeping = [r for r in left if r.dead == min(r.dead for r in left)]
        best = min((r for r in keeping if net(r) >= max(map(net, keeping)) - NEAR), key=simplest)
        tried.append(verified(best.scheme) if verified else best)
        if not verified or not tried[-1].dead or len(tried) == 4:
            break
        left = [r for r in left if r.scheme != best.scheme]
    return min(tried, key=lambda r: r.dead)


def reason(chosen: Measured, results: Sequence[Measured], formats: Sequence[str] | None, shape: Sequence[int]) -> str:
    """Why, in one sentence; dB are those of the channel mean."""
    s, allowed = chosen.scheme, asked(results, formats)

    def losing(what: str, fits: Callable[[Scheme], bool]) -> str:
        r = min((r for r in allowed if fits(r.scheme)), key=lambda r: (r.dead, -r.channel_sqnr_db), default=chosen)
        less = chosen.channel_sqnr_db - r.channel_sqnr_db
        return (f"{what} makes {count(r.dead, 'channel')} all 0" if r.dead > chosen.dead else
                f"{what} loses {less:.1f} dB in the channel mean" if 0.5 < less < math.inf else "")

    each = "a scale for each channel of " if s.block else ""
    why = [losing("one scale for all", lambda t: t.axis is None),
           *(losing(f"{each}axis {k}", partial(_channels, k)) for k in range(len(shape))),
           losing("the whole range", lambda t: t == s._replace(clip=1.0, rule="minmax")),
           losing("symmetric", lambda t: (t.axis, t.block) == (s.axis, s.block) and not t.affine)]
    others = [r for r in ([] if formats else results) if r.dead <= chosen.dead and known(r.scheme, shape)]
    if (best := max([chosen, *others], key=net)).channel_sqnr_db > chosen.channel_sqnr_db and net(best) > net(
            chosen) + NEAR:
        why += [f"of other formats {best.scheme} has a channel mean of {best.channel_sqnr_db:.1f} dB in "
                f"{best.bytes:,} bytes ({known(best.scheme, shape)})"]
    finer = [net(r) for r in allowed if (r.scheme.block if s.axis is not None else r.scheme.axis is not None)]
    if finer and not s.block and max(finer) <= net(chosen) + NEAR:
        why += ["finer scales gain at most 1 dB, less their cost"]
    if chosen.dead:
        keeps = min(results, key=lambda r: r.dead)
        why += [f"{chosen.lost}, " + (f"{keeps.dead or 'none'} with {keeps.scheme}" if keeps.dead < chosen.dead else
                                      "as in every scheme")]
    return "; ".join(filter(None, why)) or "it is the simplest of the best"


def _channels(axis: int, s: Scheme) -> bool:
    return s.axis == axis and not s.block


_ORT, _VLLM = "ONNX Runtime", "vLLM (compressed-tensors)"
_BLOCKS = f"{_ORT} (opset 21), MatMulNBits of {_ORT}"
CONVOLUTIONS = _ORT, "LiteRT", "PyTorch"  # how the names of those begin that take more than matrices
#: Format -> who takes it with one scale, a scale for each channel, a scale for each block; as far as it is known.
TAKERS: dict[str, tuple[str, str, str]] = {
    "int8": (f"{_ORT}, LiteRT, PyTorch", f"{_ORT}, LiteRT, PyTorch, {_VLLM}",
             f"{_BLOCKS}, gguf (Q8_0: blocks of 32), {_VLLM}"),
    "int8 affine": (f"{_ORT}, PyTorch", f"{_ORT}, PyTorch", _BLOCKS),
    "int4": (f"{_ORT} (opset 21)", f"{_ORT} (opset 21), LiteRT, {_VLLM}, torchao", f"{_BLOCKS}, {_VLLM}, torchao"),
    "int4 affine": (f"{_ORT} (opset 21)", f"{_ORT} (opset 21)", f"{_BLOCKS}, vLLM (AWQ and GPTQ), torchao"),
    "int2": (f"{_ORT} (opset 25)", f"{_ORT} (opset 25)", f"{_ORT} (opset 25), MatMulNBits of {_ORT}"),
    "int16": (f"{_ORT} (opset 21)",) * 3,
    "E4M3": (f"{_ORT} (opset 19), vLLM, torchao", "vLLM, torchao", ""), "E5M2": (f"{_ORT} (opset 19)", "", ""),
    "MXFP8": ("", "", "vLLM, torchao"), "MXFP4": ("", "", "vLLM, torchao, gguf"), "NVFP4": ("", "", "vLLM, torchao"),
    "NF4": ("", "", "bitsandbytes, torchao")}


def known(s: Scheme, shape: Sequence[int]) -> str:
    """Who takes the scheme of an array of this shape; some take matrices alone."""
    found = TAKERS.get(s.format, ("",) * 3)[0 if s.axis is None else 1 if s.block is None else 2].split(", ")
    return ", ".join(name for name in found if len(shape) <= 2 or name.startswith(CONVOLUTIONS))


def engines(s: Scheme, shape: Sequence[int]) -> str:
    """Who takes the scheme, and what it asks of them."""
    wider = next((n for n in (4, 8, 16) if n > s.grid.bits), None)
    if not known(s, shape):
        return "no common engine" + f"; stored as int{wider} it runs wherever that does" * bool(s.integer and wider)
    return known(s, shape) + (f"; integer products need axis {s.axis} to be the outputs' (convolutions and torch's "
                              "Linear have them on axis 0, ONNX's MatMul on axis 1), otherwise weights become floats "
                              "first") * (s.integer and s.axis is not None and s.block is None)
