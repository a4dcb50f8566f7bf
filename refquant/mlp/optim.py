"""Adam, and beside it plain descent, as pure steps: (theta, gradient, state) -> (theta, state), on one array."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..arguments import Reals
from ..methods.adam import adam_step


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
    """adam_step, with its memory as a value: (theta, gradient, state) -> (theta, state).

    Args: as methods.adam.adam_step; state: AdamState.zeros(theta) at first.

    >>> theta, state = adam(np.zeros(2), np.array([1e-3, 100.0]), AdamState.zeros(np.zeros(2)), lr=0.1)
    >>> theta.round(4), state.t
    (array([-0.1, -0.1]), 1)

    Source: Kingma and Ba 2015 (arXiv:1412.6980), algorithm 1.
    """
    t = state.t + 1
    theta, moments = adam_step(theta, gradient, (state.m, state.v), t, lr, beta1, beta2, eps)
    return theta, AdamState(*moments, t)


def sgd(theta: Reals, gradient: Reals, lr: float) -> Reals:
    """theta - lr * gradient.

    >>> sgd(np.array([1.0]), np.array([10.0]), lr=0.01)
    array([0.9])

    Source: definition.
    """
    return theta - lr * gradient
