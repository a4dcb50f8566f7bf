import numpy as np
import pytest

import refquant as rq


def test_the_published_example_of_the_two_masks() -> None:
    """x = 7.3 on 4 bits with step 1: LSQ clips it, the straight-through mask does not."""
    x, one = np.float32([7.3]), np.float32([1])
    dx, dscale = rq.lsq(x, np.float32(1), 0, rq.INT4)[1](one)
    assert (dx[0], float(dscale)) == (0, 7)
    assert rq.straight_through(x, np.float32(1), 0, rq.INT4)[1](one)[0] == 1


@pytest.mark.parametrize("shape", [(), (1, 3), (4, 1), (3,), (1, 1)])
def test_a_step_gathers_the_gradient_of_all_that_share_it(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    x, scale, g = rng.normal(size=(4, 3)) * 5, rng.uniform(0.5, 1, shape), rng.normal(size=(4, 3))
    dscale = rq.lsq(x, scale, 0, rq.INT4)[1](g)[1]
    assert dscale.shape == shape
    alone = np.array([[float(rq.lsq(np.array([x[i, j]]), np.broadcast_to(scale, x.shape)[i, j], 0, rq.INT4)[1](
        g[i, j:j + 1])[1]) for j in range(3)] for i in range(4)])
    full = (1,) * (2 - len(shape)) + shape
    axes = tuple(i for i in range(2) if full[i] == 1)
    np.testing.assert_allclose(dscale.reshape(full), alone.sum(axis=axes, keepdims=True), rtol=1e-12)
