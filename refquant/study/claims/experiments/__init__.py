"""The experiments behind the claims, by name: each a pure function, from one seed's task to flat records."""

from __future__ import annotations

from collections.abc import Callable

from ...compare.tasks import Task
from .after_training import calibration, conversion, cost, granularity, inference, sides
from .during_training import data_size, labels, optimizers, qat, representative, schedule, steps
from .observe import Observation
from .static_dynamic import definitions, dynamic, shifts

__all__ = ["EXPERIMENTS", "Observation"]

#: Each under its function's name.
EXPERIMENTS: dict[str, Callable[[Task], list[Observation]]] = {each.__name__.replace("_", "-"): each for each in (
    conversion, calibration, cost, inference, qat, data_size, representative, labels, steps, schedule, optimizers,
    definitions, dynamic, shifts, sides, granularity)}
