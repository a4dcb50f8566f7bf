"""gptq beside what it cannot do without: a Cholesky factor, and the products that move the rows."""

from measure import Row, compared

import numpy as np

import refquant as rq

BLOCK = 32


def sums_alone(w: np.ndarray, h: np.ndarray) -> np.ndarray:
    """The factor of the damped h, and the sums of GPTQ for errors that are known before: nothing is rounded."""
    h = h + 0.01 * np.mean(np.diag(h)) * np.eye(len(h))
    share, d = np.linalg.cholesky(h).T, w.copy()
    share = share / np.diag(share)
    for first in range(0, len(w), BLOCK):
        made = share[:first, first:first + BLOCK].T @ w[:first]
        for j, row in enumerate(made, first):
            row += share[first:j, j] @ w[first:j]
            d[j] -= row
    return d


def as_published(w: np.ndarray, h: np.ndarray) -> np.ndarray:
    """The inverse, its factor, and every row's move pushed forward at once: nothing is rounded."""
    u = np.linalg.cholesky(np.linalg.inv(h + 0.01 * np.mean(np.diag(h)) * np.eye(len(h)))).T
    d = w.copy()
    for i in range(len(w)):
        d[i + 1:] -= np.outer(u[i, i + 1:], w[i] / u[i, i])
    return d


def rows(n: int = 1024, rounds: int = 15) -> list[Row]:
    """4 bits, one scale per output. Theirs / ours of a third is three times the sums alone."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2 * n, n)) + rng.normal(size=(2 * n, 1))
    w, h = rng.normal(size=(n, n)), x.T @ x
    params = rq.dynamic_params(w, rq.INT4, 0, fit=rq.symmetric_params)
    return compared(f"gptq, {n} x {n}, 4 bits", lambda: rq.methods.gptq(w, h, params), {
        "Cholesky and the same sums alone, NumPy": (lambda: sums_alone(w, h), 1 / 3),
        "inverse, Cholesky and row by row moves alone, NumPy": (lambda: as_published(w, h), 1)}, rounds)
