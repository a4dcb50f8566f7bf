"""Adam, and beside it plain descent, as pure steps: (theta, gradient, state) -> (theta, state), on one array."""
from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..arguments import Reals


class AdamState(NamedTuple):
    """Adam's memory: first and second moments of the gradient, and how many steps they have seen.

    >>> AdamState.zeros(np.zeros(2))
    AdamState(m=array([0., 0.]), v=array([0., 0.]), t=0)
    """

    m: Reals
    v: Reals
    t: int

    @classmethod
    def zeros(cls, theta: Reals) -> AdamState:
        """The state before the first step."""
        return cls(np.zeros_like(theta), np.zeros_like(theta), 0)


def adam(theta: Reals, gradient: Reals, state: AdamState, lr: float, *, beta1: float = 0.9, beta2: float = 0.999,
         eps: float = 1e-8) -> tuple[Reals, AdamState]:
    """theta - lr * m_hat / (sqrt(v_hat) + eps), with m_hat and v_hat the bias-corrected moments of the gradient.

    Args:
        theta, gradient: (*S) reals of one shape.
        state: AdamState.zeros(theta) at first.
        lr: step length, in units of theta.

    Whatever the gradient's size, the first step has length lr.

    >>> theta, state = adam(np.zeros(2), np.array([1e-3, 100.0]), AdamState.zeros(np.zeros(2)), lr=0.1)
    >>> theta.round(4), state.t
    (array([-0.1, -0.1]), 1)

    Source: Kingma and Ba 2015 (arXiv:1412.6980), algorithm 1.
    """
    t = state.t + 1
    m = beta1 * state.m + (1 - beta1) * gradient
    v = beta2 * state.v + (1 - beta2) * gradient * gradient
    return theta - lr * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + eps), AdamState(m, v, t)


def sgd(theta: Reals, gradient: Reals, lr: float) -> Reals:
    """theta - lr * gradient.

    >>> sgd(np.array([1.0]), np.array([10.0]), lr=0.01)
    array([0.9])

    Source: definition.
    """
    return theta - lr * gradient
