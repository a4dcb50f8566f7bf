"""Laws of clipping rules: on slices (R12), on errors and on histograms."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, reduce
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from .granularity import slice_at, sliced
from .law import Law, equal


def clipping_rules_look_at_each_slice_alone(subject: Any, case: tuple[Any, Any, Any]) -> None:
    x, axis, grid = case
    x, grid = x.astype(np.float64), subject.INT4 if grid.bits > 8 else grid
    for clip in (rule.on(grid, one_sided=one_sided, percent=90.0) for rule in subject.clipping.CLIPPING_RULES.values()
                 for one_sided in (False, True) if not one_sided or "one_sided" in rule.takes):
        ends = clip(x, axis=axis)
        last = tuple(n - 1 for n in ends[0].shape)
        np.testing.assert_allclose([end[last] for end in ends], clip(x[slice_at(last, axis)]), rtol=0,
                                   atol=1e-12 * np.abs(x).max(), err_msg="R12")


def the_mse_optimal_range_is_no_worse_than_minmax(subject: Any, case: tuple[Any, Any, Any]) -> None:
    x, _, grid = case
    x = x.astype(np.float64)
    for fit in (subject.affine_params, subject.symmetric_params):
        best = fit(*subject.mse_optimal(x, grid, None, fit), grid)
        wide = fit(*subject.minmax(x), grid)
        assert subject.mse(x, subject.fake_quantize(x, best)) <= subject.mse(x, subject.fake_quantize(x, wide)) * 1.0001


def rules_on_histograms_are_within_a_bin(subject: Any, x: Any) -> None:
    def seen(clip: Callable[..., Any]) -> Any:
        observer = subject.histogram_observer(clip, 2048)
        return observer.range(reduce(observer.merge, [observer.observe(part) for part in np.array_split(x, 3)]))

    bin_width = 2 * np.abs(x).max() / 2048
    for one_sided in (False, True):
        clip = partial(subject.percentile, percent=80.0, one_sided=one_sided)
        assert np.abs(np.array(seen(clip)) - clip(x)).max() <= 0.501 * bin_width, (seen(clip), clip(x))
    equal("entropy", seen(partial(subject.entropy, grid=subject.INT4)), subject.entropy(x, subject.INT4))
    best = partial(subject.mse_optimal, grid=subject.INT4)
    errors = [subject.mse(x, subject.fake_quantize(x, subject.affine_params(*ends, subject.INT4))) ** 0.5
              for ends in (seen(best), best(x))]
    assert errors[0] <= errors[1] + bin_width, errors


LAWS = (
    Law(clipping_rules_look_at_each_slice_alone, ("R12",), sliced()),
    Law(the_mse_optimal_range_is_no_worse_than_minmax, (), sliced()),
    Law(rules_on_histograms_are_within_a_bin, (), hnp.arrays(
        np.float64, st.integers(1, 60), elements=st.floats(-100, 100, width=32), fill=st.nothing())))
