"""Each record's function is held to its convention, as any quantizer is; and each choice tells its step."""

from typing import Any

import numpy as np
import pytest
from helpers import refused

import refquant as rq
from refquant.engines import choices
from refquant.engines.arrays import values
from refquant.engines.conventions import NAMED, RULE_OF, Convention
from refquant.engines.exact import exact, show
from refquant.engines.operators import OPERATORS, RULE, Operator, rule_of
from refquant.engines.steps import Choice, sentence


def one_of(grid: rq.Grid) -> rq.AffineParams:
    return rq.AffineParams(scale=np.float32(1), zero_point=0, grid=grid)


X, ONE = np.float32(2.5), one_of(rq.INT8)


#: A block has a scale of its own, and a fake-quantized infinity means no code: the tests of explain hold these.
CHECKED = [operator for name, operator in OPERATORS.items() if operator.grids[0].equal_steps and not (
    "gguf" in name or "fake" in name)]
FLOATS = [operator for operator in OPERATORS.values() if not operator.grids[0].equal_steps]


@pytest.mark.parametrize("operator", [RULE, *CHECKED], ids=lambda operator: operator.name)
def test_a_record_is_held_to_its_own_convention(operator: Operator) -> None:
    check_quantizer = pytest.importorskip("refquant.testing").check_quantizer
    check_quantizer(operator.function, grids=operator.grids, per_tensor=True, examples=8,
                    **operator.convention._asdict())


def test_the_table_is_well_formed() -> None:
    assert all(name == operator.name and "," not in operator.short for name, operator in OPERATORS.items())
    assert len({operator.short for operator in OPERATORS.values()}) == len(OPERATORS)
    assert all(isinstance(f, Choice) for operator in OPERATORS.values() for f in operator.convention)


def decisions(grid: rq.Grid) -> Any:
    """Every value, every middle of two, what lies beyond the ends, each with its neighbours; both zeros, infinities."""
    values = grid.values
    beyond = [values[-1] + k * (values[-1] - values[-2]) / 4 for k in range(1, 9)]
    x = np.float32([*values, *(values[1:] + values[:-1]) / 2, *beyond, *(-b for b in beyond)])
    x = np.concatenate([x, np.nextafter(x, np.float32(np.inf)), np.nextafter(x, np.float32(-np.inf))])
    return np.append(x, np.float32([0.0, -0.0, np.inf, -np.inf, np.nan, 1e30]))


@pytest.mark.parametrize("operator", FLOATS, ids=lambda operator: operator.name)
def test_steps_lead_to_the_values_that_many_at_once_get(operator: Operator) -> None:
    for grid in operator.grids:
        x, scale = decisions(grid) * np.float32(0.75), np.float32(0.75)
        many = operator.function(x, rq.AffineParams(scale=scale, zero_point=0, grid=grid))
        assert many.dtype == np.float32
        few = [*range(0, len(x), len(x) // 60 + 1), *range(len(x) - 6, len(x))]
        for each, value in zip(x[few], many[few], strict=True):
            steps = operator.convention.steps(each, scale, 0, grid)
            assert show(np.nan if steps[-1].value is None else steps[-1].value) == show(value), (each, sentence(steps))


@pytest.mark.parametrize("grid", [rq.E4M3, rq.E5M2FNUZ, rq.E2M1, rq.NF4], ids=repr)
def test_the_rule_of_a_grid_is_the_library_s(grid: rq.Grid) -> None:
    x, one = decisions(grid)[:-2], rq.AffineParams(scale=np.float32(1), zero_point=0, grid=grid)
    codes = rq.quantize(x, one)
    by_choices = values(rule_of(grid).convention, x, np.float32(1), grid)
    assert (by_choices.view(np.int32) == np.float32(grid.decode(codes)).view(np.int32)).all()
    for each, value in zip(x[::7], by_choices[::7], strict=True):
        assert rule_of(grid).steps(each, one)[-1].value == value


@pytest.mark.parametrize("operator", OPERATORS.values(), ids=lambda operator: operator.name)
def test_what_a_record_says_it_takes_it_takes(operator: Operator) -> None:
    first = operator.grids[0]
    for grid, dtype in (*((grid, np.float32) for grid in operator.grids), *((first, d) for d in operator.dtypes)):
        params = rq.AffineParams(scale=dtype(1), zero_point=0, grid=grid)
        assert operator.steps(dtype(2.0), params)[-1].value == 2


def test_a_float_grid_that_an_operator_has_not_is_refused() -> None:
    with refused(ValueError, "gguf FP4", "the grid must be one of E2M1", "E4M3"):
        OPERATORS["gguf FP4"].steps(X, one_of(rq.E4M3))


def test_a_record_whose_steps_lead_elsewhere_is_found() -> None:
    wrong = OPERATORS["LiteRT QUANTIZE, reference"]._replace(convention=Convention())
    with pytest.raises(RuntimeError, match=r"LiteRT QUANTIZE, reference gives 3, its steps 2: x / scale = 2\.5, a tie"):
        wrong.steps(X, ONE)


@pytest.mark.parametrize("name", ["gguf Q8_0", "gguf Q4_0", "gguf Q4_0, FMA"])
@pytest.mark.parametrize(("x", "scale", "zero_point"), [(200, 1, 0), (1, 1, 3), (1, 1e-40, 0), (0, 3e38, 0)])
def test_what_no_block_has_is_refused(name: str, x: float, scale: float, zero_point: int) -> None:
    params = rq.AffineParams(scale=np.float32(scale), zero_point=zero_point, grid=rq.INT8)
    with refused(ValueError, "gguf", "x must lie in a block of this scale and zero point 0"):
        OPERATORS[name].steps(np.float32(x), params)


# ------------------------------------------------------------------------------ choices

CHOICES = [(kind, f) for kind, functions in NAMED.items() for f in functions]


@pytest.mark.parametrize(("kind", "f"), CHOICES, ids=[f.__name__ for _, f in CHOICES])
@pytest.mark.parametrize("x", [2.5, -2.5, 0.49999997, 130, np.inf, -1e20])
def test_every_named_choice_tells_its_step(kind: str, f: Any, x: float) -> None:
    convention = Convention(**{kind: f})
    steps = convention.steps(np.float32(x), np.float32(0.3), 3, rq.INT8)
    assert steps[-1].value == convention.quantize(np.float32(x), np.float32(0.3), 3, rq.INT8)
    assert sentence(steps).startswith("x ") and "  " not in sentence(steps)
    own = f is NAMED[kind][0]
    assert (convention.departs == {}) == own and str(convention) == (
        "refquant's own" if own else f"{kind}={f.__name__}")
    assert own or convention.departs[kind].endswith(f" ({RULE_OF[kind]})")


def test_steps_before_and_after_a_cast_have_rows_of_their_own() -> None:
    def rows(**convention: Any) -> list[str]:
        return [step.label for step in Convention(**convention).steps(X, np.float32(1), 1, rq.INT8) if step.label]

    assert rows() == ["x / scale", "round, ties to even", "+ zero point", "clip"]
    assert rows(cast=choices.through_int32) == ["x / scale", "round, ties to even", "int32, + zero point", "clip"]
    assert rows(zero_point=choices.before_rounding) == ["x / scale", "+ zero point", "round, ties to even", "clip"]
    assert rows(zero_point=choices.before_rounding, cast=choices.through_int64) == [
        "x / scale", "+ zero point", "round, ties to even", "int64", "clip"]


def test_nan_has_a_code_or_is_refused() -> None:
    nan, one = np.float32(np.nan), np.float32(1)
    assert [Convention(nan=f).quantize(nan, one, 3, rq.INT8) for f in (choices.lowest, choices.highest, choices.zero)
            ] == [-128, 127, 0]
    assert Convention(cast=choices.through_int32).quantize(nan, one, -1, rq.INT8) == 127, "the cast gives it a code"
    with refused(ValueError, "Convention", "x / scale must not be NaN (R7)", "nan=lowest"):
        Convention().quantize(nan, one, 3, rq.INT8)
    with refused(ValueError, "Convention", "x / scale must not be NaN (R7)", "0.0 / 1.4"):
        Convention(choices.in_float16).quantize(np.float32(0), np.float32(1e-45), 3, rq.INT8)


def test_half_away_is_one_function_for_fractions_and_floats() -> None:
    v = np.arange(-40, 41, dtype=np.float32) / 8
    assert np.array_equal(choices.half_away(v), [choices.half_away(exact(each)) for each in v])
    assert np.array_equal(choices.half_away(v), np.sign(v) * np.floor(np.abs(v) + 0.5))
    assert choices.half_away(np.float32(2)).dtype == np.float32 and choices.half_away(-np.inf) == -np.inf
