"""The experiments behind the claims, by name: each a pure function, from one seed's task to flat records."""
from __future__ import annotations

from collections.abc import Callable

from ...compare.tasks import Task
from .after_training import calibration, conversion, cost, granularity, inference, sides
from .during_training import data_size, labels, optimizers, qat, representative, schedule, steps
from .observe import Observation
from .static_dynamic import definitions, dynamic, shifts

__all__ = ["EXPERIMENTS", "Observation"]

EXPERIMENTS: dict[str, Callable[[Task], list[Observation]]] = {
    "conversion": conversion,
    "calibration": calibration,
    "cost": cost,
    "inference": inference,
    "qat": qat,
    "data-size": data_size,
    "representative": representative,
    "labels": labels,
    "steps": steps,
    "schedule": schedule,
    "optimizers": optimizers,
    "definitions": definitions,
    "dynamic": dynamic,
    "shifts": shifts,
    "sides": sides,
    "granularity": granularity,
}
