"""Checks for lesson 10, which claims hold: each says Right, Not yet or Not answered yet, and why."""
from .decisions import decided
from .effects import paired
from .studies import STUDIES, faults

__all__ = ["STUDIES", "decided", "faults", "paired"]
