"""The two wrong roundings that several mutants share."""
from __future__ import annotations

from typing import Any

import numpy as np


def half_away(v: Any) -> Any:
    """Ties away from zero, as C's round()."""
    return np.trunc(v) + np.trunc(2 * (v - np.trunc(v)))


def half_up(v: Any) -> Any:
    """Ties upward."""
    return np.floor(v) + (v - np.floor(v) >= 0.5)
