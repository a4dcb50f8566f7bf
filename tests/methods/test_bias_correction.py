"""Bias correction: the means agree."""

from typing import Any

import numpy as np
import pytest
from helpers import refused
from hypothesis import given
from hypothesis import strategies as st

import refquant as rq
from refquant.methods import bias_correction


def layer(seed: int, n: int, n_in: int, n_out: int, dtype: Any = np.float32) -> tuple[Any, ...]:
    """bias, x, w, x_hat, w_hat: inputs after ReLU, quantized to 3 bits."""
    rng = np.random.default_rng(seed)
    x, w, b = np.maximum(rng.normal(size=(n, n_in)), 0), rng.normal(size=(n_in, n_out)), rng.normal(size=n_out)
    x, w, b = x.astype(dtype), w.astype(dtype), b.astype(dtype)
    x_hat = rq.fake_quantize(x, rq.dynamic_params(x, rq.IntGrid(3, signed=False)))
    return b, x, w, x_hat, rq.fake_quantize(w, rq.dynamic_params(w, rq.IntGrid(3), fit=rq.symmetric_params))


@given(st.integers(0, 2**32), st.integers(1, 30), st.integers(1, 9), st.integers(1, 5),
       st.sampled_from([np.float16, np.float32, np.float64]))
def test_means_agree(seed: int, n: int, n_in: int, n_out: int, dtype: Any) -> None:
    b, x, w, x_hat, w_hat = layer(seed, n, n_in, n_out, dtype)
    before = [a.tobytes() for a in (b, x, w, x_hat, w_hat)]
    corrected = bias_correction(b, x, w, x_hat, w_hat)
    assert corrected.dtype == dtype and corrected.shape == b.shape
    x, w, x_hat, w_hat = (a.astype(np.float64) for a in (x, w, x_hat, w_hat))
    scale = np.abs(b) + (np.abs(x) @ np.abs(w) + np.abs(x_hat) @ np.abs(w_hat)).max(axis=0)
    gap = np.mean(x @ w + b, axis=0) - np.mean(x_hat @ w_hat + corrected, axis=0)
    assert (np.abs(gap) <= 8 * scale * np.finfo(dtype).eps).all()
    again = bias_correction(corrected, x, w, x, w)
    assert again.tobytes() == corrected.tobytes(), "no error, no correction: bit for bit"
    assert [a.astype(dtype).tobytes() for a in (b, x, w, x_hat, w_hat)] == before


def test_errors_of_the_weights_alone_need_the_inputs_mean_only() -> None:
    """DFQ, section 4.2: E[(w_hat - w) x] = (w_hat - w) E[x]."""
    b, x, w, _, w_hat = layer(0, 20, 5, 3, np.float64)
    np.testing.assert_allclose(bias_correction(b, x, w, x, w_hat), b - x.mean(axis=0) @ (w_hat - w), rtol=1e-12)


def test_errors() -> None:
    arrays = layer(0, 4, 3, 2)
    for i, name in enumerate(("bias", "x", "w", "x_hat", "w_hat")):
        for bad in (np.nan, np.inf):
            with refused(ValueError, f"bias_correction: `{name}`"):
                bias_correction(*arrays[:i], arrays[i] + bad, *arrays[i + 1:])
        with refused(TypeError, f"`{name}`", "int64"):
            bias_correction(*arrays[:i], arrays[i].astype(int), *arrays[i + 1:])
        with refused(ValueError, "bias_correction", "must"):
            bias_correction(*arrays[:i], arrays[i][..., :1], *arrays[i + 1:])
    b, x, w, x_hat, w_hat = arrays
    for bad_layer in ((b, x[:0], w, x_hat[:0], w_hat), (b, x[0], w, x_hat[0], w_hat), (b[0], x, w, x_hat, w_hat),
                      (b, x, w, x_hat[:2], w_hat), (b, x, w[:, 0], x_hat, w_hat)):
        with refused(ValueError, "must fit", "n, n_in > 0"):
            bias_correction(*bad_layer)
    with refused(ValueError, "`w_hat` must be of w's shape", "(3, 1) for (3, 2)"):
        bias_correction(b, x, w, x_hat, w_hat[:, :1])


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_a_bias_that_does_not_fit_its_dtype_is_refused(dtype: Any) -> None:
    with refused(ValueError, "finite", np.dtype(dtype), "inf at index (0,)"):
        bias_correction(np.zeros(1, dtype), [[1e20]], [[1e20]], [[0.0]], [[0.0]])
