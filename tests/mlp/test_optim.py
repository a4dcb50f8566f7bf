import numpy as np

from refquant.mlp.optim import AdamState, adam, sgd


def test_adam_is_the_published_recursion() -> None:
    rng = np.random.default_rng(0)
    theta, state, m, v = np.zeros(3), AdamState.zeros(np.zeros(3)), np.zeros(3), np.zeros(3)
    expected = theta
    for t in range(1, 6):
        g = rng.normal(size=3)
        theta, state = adam(theta, g, state, lr=0.1)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        expected = expected - 0.1 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        np.testing.assert_allclose(theta, expected, rtol=1e-12)


def test_steps_are_pure_and_keep_float32() -> None:
    theta = np.ones(2, np.float32)
    stepped, state = adam(theta, theta, AdamState.zeros(theta), lr=0.1)
    assert (theta == 1).all() and stepped.dtype == state.m.dtype == state.v.dtype == np.float32
    assert sgd(theta, theta, 0.5).dtype == np.float32
