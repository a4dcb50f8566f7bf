"""The experiments behind the claims, by name: each a pure function, from one seed's task to flat records."""

from __future__ import annotations

from collections.abc import Callable

from ...compare.tasks import Task
from .after_training import calibration, cost, formats, granularity, sides
from .during_training import data_size, labels, qat, representative, schedule, sizes
from .observe import Observation
from .on_text import text_data, text_scratch
from .static_dynamic import dynamic, shifts

__all__ = ["EXPERIMENTS", "SEEDS", "Observation"]

#: Each under its function's name.
EXPERIMENTS: dict[str, Callable[[Task], list[Observation]]] = {each.__name__.replace("_", "-"): each for each in (
    qat, sizes, data_size, cost, calibration, representative, labels, schedule, dynamic, shifts, sides, granularity,
    formats, text_scratch, text_data)}
#: The most seeds that an experiment takes, where it takes long for what it says.
SEEDS = {"sizes": 10, "data-size": 10, "cost": 10, "text-data": 10, "text-scratch": 5}
