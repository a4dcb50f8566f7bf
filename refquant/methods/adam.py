"""One step of Adam, for what descends here and, with its state as a value, in mlp/optim.py."""

from __future__ import annotations

import numpy as np

from ..arguments import Reals


def adam_step(theta: Reals, gradient: Reals, moments: tuple[Reals, Reals], t: int, lr: float, beta1: float = 0.9,
              beta2: float = 0.999, eps: float = 1e-8) -> tuple[Reals, tuple[Reals, Reals]]:
    """theta - lr * m_hat / (sqrt(v_hat) + eps), with m_hat and v_hat the bias-corrected moments of the gradient.

    Args:
        theta, gradient: (*S) reals of one shape.
        moments: (m, v), each (*S); zeros at first.
        t: which step this is, from 1 on.
        lr: step length, in units of theta.

    Whatever the gradient's size, the first step has length lr.

    >>> theta, moments = adam_step(np.zeros(2), np.array([1e-3, 100.0]), (np.zeros(2), np.zeros(2)), 1, lr=0.1)
    >>> theta.round(4)
    array([-0.1, -0.1])

    Source: Kingma and Ba 2015 (arXiv:1412.6980), algorithm 1.
    """
    m = beta1 * moments[0] + (1 - beta1) * gradient
    v = beta2 * moments[1] + (1 - beta2) * gradient * gradient
    return theta - lr * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + eps), (m, v)
