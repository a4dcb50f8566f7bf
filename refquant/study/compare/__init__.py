"""The main job: one network, quantized after training and trained with quantization, at several widths and seeds."""

from __future__ import annotations

from . import deployed, details
from .methods import METHODS, networks
from .network import logits
from .output import save
from .run import changed_by_batch_mates, compare, run_seed
from .table import table
from .tasks import Plan, Run, Task, prepare, stream

__all__ = ["METHODS", "Plan", "Run", "Task", "changed_by_batch_mates", "compare", "deployed", "details", "logits",
           "networks", "prepare", "run_seed", "save", "stream", "table"]
