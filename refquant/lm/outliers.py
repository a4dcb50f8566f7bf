"""Large channels: how large they are, made by hand, and undone. The function of the model stays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from .. import arguments
from ..arguments import Codes, Reals
from ..methods import smoothquant
from .model import LM, flat, float_model
from .quantized import matrix_inputs

def channel_maxima(model: LM, codes: Codes) -> dict[str, Reals]:
    """The largest |x| of each channel of every matrix's input on a text, (n_in,).

    >>> from refquant.lm import Sizes, init
    >>> model = init(np.random.default_rng(0), "ab", Sizes(width=4, heads=2, context=8, layers=1))
    >>> channel_maxima(model, np.arange(9) % 2)["0.down"].shape
    (16,)

    Raises: as ptq.
    """
    return {name: np.abs(x).max(axis=0) for name, x in matrix_inputs("channel_maxima", model, codes).items()}


def with_outliers(model: LM, factor: float, channels: Sequence[int] = (3, 42)) -> LM:
    """Gains of the channels * factor, and rows of the next matrix / factor, at every norm: the function stays.

    This is SmoothQuant run backwards, so smoothed undoes it by construction.

    >>> from refquant.lm import Sizes, init
    >>> model = init(np.random.default_rng(0), "ab", Sizes(width=4, heads=2, context=8, layers=1))
    >>> with_outliers(model, 100, [1]).arrays["head gains"]
    array([  1., 100.,   1.,   1.], dtype=float32)

    Raises:
        ValueError: a factor that is not positive, channels that the model does not have.
        TypeError: no float model.
    """
    float_model("with_outliers", model)
    factor = arguments.real("with_outliers", factor, "factor", "above 0", lambda v: 0 < v < np.inf, "100")
    s = np.ones(model.sizes.width, np.float32)
    s[arguments.within("with_outliers", channels, 0, len(s) - 1, "channels", "of the width", "(3, 42), say")] = 1 / factor
    return _rescaled(model, dict.fromkeys(model.matrices, s))


def smoothed(model: LM, codes: Codes, alpha: float = 0.5) -> LM:
    """Gains / s, and rows of the next matrix * s, with s of smoothquant on a text's inputs: the function stays.

    >>> from refquant.lm import Sizes, init
    >>> model = init(np.random.default_rng(0), "ab", Sizes(width=4, heads=2, context=8, layers=1))
    >>> outliers, text = with_outliers(model, 100, [1]), np.arange(9) % 2
    >>> [bool(channel_maxima(m, text)["head"].max() > 20) for m in (outliers, smoothed(outliers, text))]
    [True, False]

    Raises: as ptq and smoothquant.
    """
    return _rescaled(model, {name: smoothquant(x, model.arrays[name], alpha)
                             for name, x in matrix_inputs("smoothed", model, codes).items()})


def _rescaled(model: LM, scales: Mapping[str, Reals]) -> LM:
    """Every norm's gains / s, the rows of the next matrix * s."""
    arrays = dict(model.arrays)
    for name, s in scales.items():
        if (gains := f"{name} gains") in arrays:
            arrays[gains], arrays[name] = arrays[gains] / s, arrays[name] * s[:, None]
    return replace(model, theta=flat(arrays))
