"""One number's way to its code, step by step, by the rules and in each engine."""
from __future__ import annotations

from .trace import explain

__all__ = ["explain"]
