"""Which scheme is recommended, why, and which engines take it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from .measure import Measured
from .schemes import Scheme

FLOOR = 15.0  # dB, an error of 18 %: an array needs more bits where no scheme has as much
ENOUGH = 35.0  # dB, an error of 1.8 %: more counts as this
NEAR = 1.0  # dB under the best that still fit
DB_PER_BIT = 6.02


def net(r: Measured) -> float:
    """The balanced dB, of which 35 are enough, less 6.02 for each bit per value that scales of blocks take."""
    spent = r.bits_per_value - r.scheme.grid.bits if r.scheme.block else 0.0
    return min(r.balanced_db, ENOUGH) - DB_PER_BIT * spent


def shown(db: float) -> str:
    """As text; what is under 15 is not rounded to it.

    >>> shown(14.97), shown(15.04), shown(math.inf), shown(-math.inf)
    ('14.9', '15.0', 'exact', 'overflow')
    """
    return f"{db if db >= FLOOR else min(db, FLOOR - 0.1):.1f}" if math.isfinite(db) else (
        "exact" if db > 0 else "overflow")


def less(r: Measured) -> tuple[float, bool, bool]:
    """The dB, for an order that begins with the most; of as many, whole ranges before others."""
    return -net(r), r.scheme.clip < 1, r.scheme.rule != "minmax"


def asked(results: Sequence[Measured], formats: Sequence[str] | None) -> list[Measured]:
    """Those of the formats; of integers if none are named."""
    return [r for r in results if (r.scheme.format in formats if formats else r.scheme.integer)]


def fitting(results: Sequence[Measured], formats: Sequence[str] | None) -> list[Measured]:
    """Of one width: those of the fewest channels all 0; with 15 dB, if any has; within 1 dB of the best."""
    left = asked(results, formats)
    least = min((r.dead for r in left), default=0)
    left = [r for r in left if r.dead == least]
    left = [r for r in left if r.balanced_db >= FLOOR] or left
    best = max(map(net, left), default=0.0)
    return [r for r in left if net(r) >= best - NEAR]


def choose(results: list[Measured], formats: Sequence[str] | None, shape: Sequence[int],
           verified: Callable[[Scheme], Measured] | None = None) -> Measured:
    """Of those that fit: the fewest bytes, then the most engines, then the most dB.

    verified: measures a scheme on all values. What is chosen by a sample is measured so, put in its place in results,
    and chosen again.
    """
    while True:
        best = min(fitting(results, formats), key=lambda r: (r.bytes, -len(takers(r.scheme, shape)), *less(r)))
        if verified is None or not best.sampled:
            return best
        results[results.index(best)] = verified(best.scheme)


def reason(chosen: Measured, results: Sequence[Measured], formats: Sequence[str] | None, shape: Sequence[int]) -> str:
    """Why, in one sentence; dB are balanced."""
    s, allowed = chosen.scheme, asked(results, formats)

    def losing(what: str, **like: object) -> str:
        others = (r for r in allowed if all(getattr(r.scheme, name) == value for name, value in like.items()))
        r = min(others, key=lambda r: (r.dead, -r.balanced_db), default=chosen)
        less = chosen.balanced_db - r.balanced_db if r.balanced_db < chosen.balanced_db else 0
        return (f"{what} makes {r.lost}" if r.dead > chosen.dead else
                f"{what} loses {r.mark}{less:.1f} dB" if less > 0.5 else "")

    why = [losing("one scale for all", axis=None),
           *(losing(f"a scale for each index of axis {k}", axis=k, block=None) for k in range(len(shape))),
           losing("the whole range", **s._replace(clip=1.0, rule="minmax")._asdict()),
           losing("symmetric", axis=s.axis, block=s.block, affine=False)]
    others = [r for r in ([] if formats else results) if r.dead <= chosen.dead and takers(r.scheme, shape)]
    if (best := max([chosen, *others], key=net)).balanced_db > chosen.balanced_db and net(best) > net(chosen) + NEAR:
        why += [f"of other formats {best.scheme} has {best.mark}{shown(best.balanced_db)} dB in {best.bytes:,} bytes"]
    if chosen.dead:
        keeps = min(results, key=lambda r: r.dead)
        why += [f"it makes {chosen.lost}, {keeps.mark}{keeps.dead or 'none'} with {keeps.scheme}" if keeps.dead <
                chosen.dead else f"as every scheme it makes {chosen.lost}"]
    why += [f"{ENOUGH:g} dB are enough"] * (chosen.balanced_db >= ENOUGH)
    return "; ".join(filter(None, why)) or "of those that fit it has the fewest bytes, then the most engines"


ORT, CONVOLUTIONS = "ONNX Runtime", ("LiteRT", "PyTorch")  # who else takes more than matrices
#: Format -> ONNX Runtime's first opset for one scale, for a scale for each index of an axis, for blocks; of any axis.
OPSETS = {"int8": (10, 13, 21), "int16": (21,) * 3, "int4": (21,) * 3, "int2": (25,) * 3, "E4M3": (19, 19, 21),
          "E5M2": (19, 19, 21)}
#: Format -> who else takes one scale, a scale for each index of axis 0, blocks along the last axis; as far as is known.
TAKERS: dict[str, tuple[str, str, str]] = {
    "int8": ("LiteRT, PyTorch, vLLM", "LiteRT, PyTorch, vLLM, torchao", "vLLM, torchao"),
    "int8 affine": ("PyTorch", "PyTorch, torchao", "torchao"),
    "int4": ("", "LiteRT, vLLM, torchao", "vLLM, torchao"), "int4 affine": ("", "torchao", "vLLM, torchao"),
    "E4M3": ("vLLM, torchao", "vLLM, torchao", ""), "MXFP8": ("", "", "torchao"),
    "MXFP4": ("", "", "vLLM, torchao, gguf"), "NVFP4": ("", "", "vLLM, torchao"),
    "NF4": ("", "", "bitsandbytes with float32 scales: 0.25 bits a value more")}


def takers(s: Scheme, shape: Sequence[int]) -> dict[str, int]:
    """Who takes the scheme of an array of this shape, with the first opset, if it has those."""
    kind = 0 if s.axis is None else 1 if s.block is None else 2
    opsets = OPSETS.get(s.format.removesuffix(" affine"))
    found = {ORT: opsets[kind]} if opsets else {}
    if len(shape) < 2 or s.axis not in (None, 0 if s.block is None else len(shape) - 1):
        return found
    others = TAKERS.get(s.format, ("",) * 3)[kind].split(", ")
    return found | {name: 0 for name in others if name and (len(shape) == 2 or name in CONVOLUTIONS)}


def engines(taken: Sequence[tuple[Scheme, Sequence[int]]]) -> str:
    """Who takes all of these schemes, each of an array of that shape, and what ONNX Runtime does with them."""
    each = [takers(*one) for one in taken]
    common = [name for name in (each or [{}])[0] if all(name in some for some in each)]
    text = ", ".join(name + f" (opset {max(some[name] for some in each)})" * (name == ORT) for name in common)
    notes = dict.fromkeys(_note(*one) for one in taken) if ORT in common else ()
    return "; ".join([text or "none known (most store integers in 4 or 8 bits)", *filter(None, notes)])


def _note(s: Scheme, shape: Sequence[int]) -> str:
    """What ONNX Runtime 1.32 makes of the weights where inputs are quantized, too."""
    kind = s.format.removesuffix(" affine")
    if kind == "int2" or (kind == "int8" and len(shape) > 2 and (s.axis or s.block)):
        return f"{ORT} takes {s.name} where inputs are floats"
    if kind == "int4" or (kind == "int8" and s.block):
        return f"where inputs are quantized, {ORT} makes floats of {'blocks of ' * (kind == 'int8')}{kind} first"
    return f"{ORT} multiplies integers where axis {s.axis} is the outputs' (1 of MatMul, 0 of PyTorch's Linear)" * (
        kind == "int8" and s.axis is not None and len(shape) == 2)
