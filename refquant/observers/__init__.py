"""Data seen in pieces -> [lo, hi]; monoid.py says what an observer is."""
from __future__ import annotations

from .histogram import histogram_observer
from .minmax import minmax_observer
from .moments import moments_observer
from .monoid import Observer, observer
from .moving_average import moving_average_observer

__all__ = ["Observer", "observer", "minmax_observer", "histogram_observer", "moments_observer",
           "moving_average_observer"]
