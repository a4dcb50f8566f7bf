"""Is a quantizer right? check_quantizer(yours) holds the rules against it and shows the smallest counter-example."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky
from numpy.typing import DTypeLike

from ..affine import AffineParams
from ..affine import dequantize as right_dequantize
from ..affine import quantize as right_quantize
from ..arguments import error, first, quiet, whole
from ..engines import choices
from ..engines.arrays import codes
from ..engines.choices import Cast, Division, Nan, Rounding, ZeroPoint
from ..engines.conventions import RULE_OF, Convention
from ..engines.exact import hexadecimal
from ..grids import Grid, IntGrid, known
from . import story, strategies
from .forms import in_arrays, name_of, plain
from .hints import Tried, everything, hint
from .ladder import LADDER, Case, Made, alone, asked, cases, channels, codes_and_values, odd_zero_points, zero
from .proven import proven, smallest

Quantize: TypeAlias = Callable[[Any, AffineParams], Any]


class Deviation(AssertionError):
    """A quantizer that is not what the rules say. `args` is the whole story in words.

    `rule` is the rule's number, or "R3 or R4" where it is not proven which of them is broken. rq.RULES has their text.

    >>> Deviation("R4", "ties away").rule
    'R4'
    """

    def __init__(self, rule: str, story: str) -> None:
        super().__init__(story)
        self.rule = rule


def check_quantizer(quantize: Quantize, dequantize: Quantize | None = None, *, bits: int = 16,
                    grids: Sequence[Grid] | Grid | None = None,
                    dtypes: Sequence[DTypeLike] | DTypeLike = np.float32,
                    symmetric: bool = False, per_tensor: bool = False, multiple: int = 1,
                    data_precision: int | None = None, scale_precision: int | None = None,
                    arrays: Callable[[Any], Any] | None = None, rounding: Rounding = choices.half_even,
                    zero_point: ZeroPoint = choices.after_rounding, division: Division = choices.true_division,
                    cast: Cast = choices.saturating, nan: Nan = choices.refused, minus_zero: bool = True,
                    examples: int = 100, random: bool = False) -> None:
    """Return if `quantize` (and `dequantize`) keep the rules; otherwise raise Deviation for the first one broken.

    Args:
        quantize: (x, params) -> codes, of any integer dtype, as rq.quantize; by_range, one_axis and by_blocks adapt
            other calls.
        dequantize: (codes, params) -> reals, as rq.dequantize; None is not tested.
        bits: grids of 2 to so many bits are tried, signed, unsigned and narrow.
        grids: these instead, for a quantizer made for one or some: rq.INT8, [rq.INT8, rq.INT4], rq.E4M3, rq.NF4.
        dtypes: np.float32, np.float64, np.float16 or a list of them; x and the scale always have the same one.
        symmetric: try zero point 0 alone.
        per_tensor: try one scale alone; otherwise a scale per slice along one axis, too.
        multiple: x's last axis is a multiple of so many numbers.
        data_precision, scale_precision: significant bits of the numbers and of the scales that are tried: 1 makes
            powers of two, 8 what bfloat16 holds, 11 what float16 holds. Scales of 11 bits lie in float16's range;
            numbers may lie beyond it. None: all that the dtype has.
        arrays: torch.from_numpy, jax.numpy.asarray or another function that makes x, params.scale and
            params.zero_point of NumPy's; what comes back is made NumPy's again. It is given no negative strides.
        rounding, zero_point, division, cast, nan: the convention to hold it to, functions of refquant.engines.choices
            (on float grids and codebooks the division alone). nan says which code it gives where the division gives
            NaN. An engine's own is refquant.engines.operators.OPERATORS[name].convention._asdict().
        minus_zero: False takes the code of 0 for that of -0, and the other way round, on grids that have both (R17).
        examples: arrays tried for each rule, of some 20 to 100 numbers each.
        random: draw other examples every time, instead of the same ones.

    The data are decision points: ties, one ulp to a sixteenth beside them, far outside, infinite; NaN is not among
    them. Some come in arrays of 0, 1, 3, 17, 64, 127 and 5,000 numbers, without axes, every second one of an array, in
    Fortran order, and with the last row first, where yours takes negative strides.

    >>> import refquant as rq
    >>> check_quantizer(rq.quantize, rq.dequantize, examples=20)
    >>> def mine(x, params):
    ...     q = np.floor(np.asarray(x) / params.scale + 0.5) + params.zero_point
    ...     return np.clip(q, params.grid.qmin, params.grid.qmax).astype(params.grid.dtype)
    >>> try:
    ...     check_quantizer(mine)
    ... except Deviation as deviation:
    ...     print(deviation)
    R4 is broken: a number goes to the nearest integer, a tie to the even one.
    <BLANKLINE>
        import numpy as np; from refquant import AffineParams, IntGrid
        mine(np.array([float.fromhex('0x1p-1')], np.float32),
             AffineParams(scale=np.float32(float.fromhex('0x1p+0')), zero_point=0, grid=IntGrid(8)))
    <BLANKLINE>
    x / scale  1/2 = 0.5, exactly
    expected   0
    got        1
    As it would be with rounding=half_added.

    Raises:
        Deviation: an AssertionError that names the rule.
        ValueError, TypeError: other arguments, a function that cannot be called so.
    """
    convention = Convention(division, zero_point, rounding, cast, nan)
    dtypes = dtypes if isinstance(dtypes, list | tuple) else [dtypes]
    _functions({"quantize": quantize, "dequantize": dequantize or quantize, "arrays": arrays or quantize,
                **convention._asdict()})
    own, first = _grids(grids, dtypes, whole("check_quantizer", bits, "bits", 2, 32), convention)
    for name, value in {"examples": examples, "multiple": multiple, "data_precision": data_precision,
                        "scale_precision": scale_precision}.items():
        whole("check_quantizer", 1 if value is None else value, name, 1)
    made = Made(st.sampled_from(own) if own else strategies.integer_grids(bits),
                st.sampled_from([np.dtype(d) for d in dtypes]), symmetric, data_precision, scale_precision, multiple,
                name_of(quantize, "").startswith("by_range("))
    quantize, run = in_arrays(quantize, arrays), partial(_try, examples, random)
    takes("check_quantizer", quantize, np.zeros(max(2, multiple), dtypes[0]),
          AffineParams(scale=np.ones((), dtypes[0]), zero_point=zero(first), grid=first))
    always_zero = symmetric or not any(grid.equal_steps for grid in own or [first])
    rungs = _rungs(made, per_tensor, always_zero)
    others = partial(everything, [data for _, data in rungs], run, partial(_called, "R12", quantize), made)
    for rule, data in rungs:
        run(data, partial(_compare, rule, quantize, convention, minus_zero, others))
    if dequantize is not None:
        run(cases(codes_and_values, made), partial(_compare_reals, in_arrays(dequantize, arrays)))


def _rungs(made: Made, per_tensor: bool, always_zero: bool) -> list[tuple[str, Any]]:
    """The ladder's rules with their cases, without those that the quantizer has no parameters for."""
    left_out = [channels] * per_tensor + [odd_zero_points] * always_zero
    return [(rule, cases(kind, made).map(partial(asked, kind, made))) for rule, kind in LADDER if kind not in left_out]


def _grids(grids: Sequence[Grid] | Grid | None, dtypes: Sequence[DTypeLike], bits: int,
           convention: Convention) -> tuple[list[Grid], Grid]:
    """The grids that are named, and one for a first call."""
    for option, few in {"grids": grids, "dtypes": dtypes}.items():
        if isinstance(few, Sequence) and not len(few):
            raise error(ValueError, "check_quantizer", f"`{option}` must name one at least", repr(few), "leave it out")
    several = grids if isinstance(grids, Sequence) else [grids] if grids else []
    own = [known("check_quantizer", grid) for grid in several]
    if convention._replace(division=choices.true_division) != Convention() and not all(g.equal_steps for g in own):
        raise error(ValueError, "check_quantizer", "other conventions are of integers", f"{convention} on {own}",
                    "on float grids and codebooks the division alone may be another")
    return own, own[0] if own else IntGrid(min(bits, 8))


def _functions(given: dict[str, Any]) -> None:
    for name, f in given.items():
        if not callable(f):
            raise error(TypeError, "check_quantizer", f"`{name}` must be a function", repr(f),
                        "quantize and dequantize take (x, params), one_axis adapts other calls; the conventions are "
                        "functions of refquant.engines.choices")


SAYS = {"R1": "codes are the integers from qmin to qmax", "R2": "a code means scale * (q - zero_point)",
        "R3": "x / scale is one true division in x's dtype, of float16 in float32",
        "R4": "a number goes to the nearest integer, a tie to the even one",
        "R5": "the zero point is added after rounding", "R6": "what lies beyond the codes saturates, infinities too; "
        "clip before the cast", "R12": "each slice has its own scale and zero point, and the result x's shape, "
        "wherever in an array a number lies"}
#: What is said instead where values and codes are two things.
OF_VALUES = {"R1": ("R17", "codes are integers; an array of float8 shows them by .view(np.uint8)"),
             "R2": ("R17", "a float's code is its sign, exponent and mantissa, a codebook's the place of the value"),
             "R4": ("R4", "a number goes to the nearest value, a tie to the even code, in a codebook to the lower"),
             "R6": ("R6", "what lies beyond the values saturates, infinities too, and never becomes NaN")}


IDENTIFY = "identify may tell how it differs."
TWICE = "Two calls with the same numbers gave different codes."


# ---------------------------------------------------------------------------------------------- what is said

class _Wrong(AssertionError):
    """A wrong code; its report is written only for the smallest case."""

    def __init__(self, report: Callable[[], Deviation]) -> None:
        self.report = report


def _said(grid: Grid, *rules: str) -> tuple[str, str]:
    """The rules and their words, on a grid."""
    pairs = [(rule, SAYS[rule]) if grid.equal_steps else OF_VALUES.get(rule, (rule, SAYS.get(rule))) for rule in rules]
    names = " or ".join(name for name, _ in pairs)
    return names, f"{names} is broken: {'; or: '.join(str(words) for _, words in pairs)}."


def told(rule: str, sentence: str, f: Quantize, case: Case, *lines: str) -> Deviation:
    """The sentence, the call, to be pasted, and what came of it."""
    return Deviation(rule, "\n".join([sentence, "", story.call(f, *case), "", *lines]))


def _try(examples: int, random: bool, cases: Any, check: Callable[[Any], None]) -> None:
    profile = settings(max_examples=examples, derandomize=not random, deadline=None, database=None, print_blob=False,
                       suppress_health_check=list(HealthCheck), report_multiple_bugs=False,
                       phases=[Phase.generate, Phase.shrink])
    try:
        profile(given(cases)(lambda case: check(case)))()  # type: ignore[no-untyped-call]
    except _Wrong as smallest:
        raise smallest.report() from None
    except Deviation as found:
        raise Deviation(found.rule, str(found)) from None  # without hypothesis' own report of the same case
    except Flaky:
        raise Deviation("R12", TWICE) from None
    except ValueError as refusal:
        raise ValueError(str(refusal)) from None


def takes(where: str, quantize: Quantize, x: Any, params: AffineParams) -> None:
    """A plain call works and gives one array; otherwise nothing can be learned from others."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = quantize(x, params)
    except Deviation:
        return  # check_fake_quantizer's: the case that shows it best comes later
    except Exception as failure:
        raise error(TypeError, where, "`quantize` must take (x, params), x an array of float32",
                    f"{type(failure).__name__}: {failure}", "wrap yours: lambda x, p: yours(x, p.scale, p.zero_point); "
                    f"{where}'s other arguments say what it is made for") from failure
    if isinstance(result, tuple):
        raise error(TypeError, where, "`quantize` must return the codes alone", f"a tuple of {len(result)}",
                    "if the codes come first: lambda x, p: yours(x, p)[0]; check_dynamic takes x -> codes, scale")


@quiet
def _compare(rule: str, quantize: Quantize, convention: Convention, minus_zero: bool, others: Any,
             cases: list[Case]) -> None:
    def codes(x: Any, params: AffineParams) -> tuple[Any, Any]:
        """Those that should come, and those that come; where both are zeros, and are taken for one, the former."""
        expected, got = expected_codes(convention, x, params), _called(rule, quantize, x, params)
        if got.dtype.kind not in "iu":
            raise told(*_said(params.grid, "R1"), quantize, (x, params), f"got        an array of {got.dtype}")
        zeros: Any = [] if minus_zero else params.grid.encode(np.array([0.0, -0.0]))
        return expected, np.where(np.isin(got, zeros) & np.isin(expected, zeros), expected, got)

    for case in cases:
        for i in _wrong(codes, *case):
            raise _Wrong(partial(_report, rule, quantize, convention, codes, case, i, others))


def _wrong(codes: Any, x: Any, params: AffineParams) -> list[int]:
    """Where codes are wrong, the smallest numbers first."""
    expected, got = codes(x, params)
    wrong = np.flatnonzero(got != expected)
    return wrong[np.lexsort([-x.ravel()[wrong], np.abs(x.ravel()[wrong])])].tolist() if wrong.size else []


def _called(rule: str, f: Quantize, x: Any, params: AffineParams) -> Any:
    """f(x, params) as an array of x's shape, x as it was."""
    before = x.copy()
    rule, sentence = _said(params.grid, rule)
    try:
        got = silent(f, x, params)
    except Deviation:
        raise
    except Exception as failure:
        if min(x.strides, default=0) < 0:  # that is no wrong code
            return _called(rule, f, before, params)
        less = ["per_tensor=True, if yours takes one scale alone."] * (params.scale.size > 1)
        raise told(rule, sentence.replace("is broken", "is not kept"), f, (x, params),
                   f"raised {type(failure).__name__}: {failure}", *less) from failure
    if x.tobytes() != before.tobytes():
        raise Deviation(rule, f"What was passed in was written to.\n\n{story.call(f, before, params)}")
    if got.shape != x.shape:
        raise told(*_said(params.grid, "R12"), f, (x, params), f"expected   shape {x.shape}",
                   f"got        shape {got.shape}")
    return got


def silent(f: Quantize, x: Any, params: AffineParams) -> Any:
    """f(x, params) as an array; codes are judged, warnings are not.

    >>> from refquant import INT8, quantize
    >>> silent(quantize, np.float32([2.5]), AffineParams(scale=1.0, zero_point=0, grid=INT8))
    array([2], dtype=int8)
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return plain(f(x, params))


def expected_codes(convention: Convention, x: Any, params: AffineParams) -> Any:
    """The codes of a convention.

    >>> from refquant import INT8
    >>> expected_codes(Convention(), np.float32([2.5]), AffineParams(scale=1.0, zero_point=0, grid=INT8))
    array([2], dtype=int8)
    """
    if convention == Convention():
        return right_quantize(x, params)  # held to the exact oracle by the laws
    expected = codes(convention, x, params.scale, params.zero_point, params.grid)
    if np.isnan(expected).any():
        at = first(np.isnan(expected))
        raise error(ValueError, "check_quantizer", "`nan` must be the code of NaN where `division` gives NaN",
                    f"division={getattr(convention.division, '__name__', 'yours')}, which gives NaN for x={x[at]}",
                    "nan=choices.lowest, highest or zero")
    return expected.astype(np.int64)


@quiet
def _report(rule: str, quantize: Quantize, convention: Convention, codes: Any, case: Case, i: int,
            others: Any) -> Deviation:
    """The smallest array that shows it, and what is proven of it."""
    tried, failure, made = others()
    x, params = smallest(partial(_wrong, codes), case, i, made.multiple)
    often, again = [codes(*case)[1] for _ in range(8)], _wrong(codes, x, params)
    if not again or any((q != often[0]).any() for q in often):
        raise Deviation("R12", TWICE)
    i = again[0]
    should, came = (int(q.ravel()[i]) for q in codes(x, params))
    one, its = alone((x, params), i)
    decides = made.multiple == 1 and not made.data_precision and not made.scale_precision and one.dtype == np.float32
    decides = decides and rule in RULE_OF.values() and its.grid.equal_steps and its.grid.bits <= 16
    said = hint(convention, Tried(one, its.scale, its.zero_point, its.grid, came), tried, failure, IDENTIFY * decides)
    with suppress(Exception):  # right alone: not the formula is wrong, but the place in the array
        rule = rule if _wrong(codes, *made.fitted((one, its))) else "R12"
    rule = "R1" if rule == "R2" and should in (params.grid.qmin, params.grid.qmax) and abs(should - came) == 1 else rule
    asked = rule not in ("R1", "R12") and convention == Convention()
    names, sentence = _said(params.grid, *(proven(rule, codes, one, its, made, said) if asked else [rule]))
    where = f"       at index {tuple(map(int, np.unravel_index(i, x.shape)))}" if x.size > 1 else ""
    return told(names, sentence if convention == Convention() else f"Not as said: {convention}.", quantize, (x, params),
                f"x / scale  {story.quotient(one[0], its.scale)}", f"expected   {story.code(params.grid, should)}",
                f"got        {story.code(params.grid, came)}{where}", *[said] * bool(said))


@quiet
def _compare_reals(dequantize: Quantize, case: Case) -> None:
    q, params = case
    got, expected = _called("R2", dequantize, q, params), right_dequantize(q, params)
    for i in np.flatnonzero(got != expected)[:1]:
        raise told(*_said(params.grid, "R2"), dequantize, (q[i:i + 1], params), *(
            f"{what:<10} {hexadecimal(v[i])} = {v[i]}" for what, v in (("expected", expected), ("got", got))))
