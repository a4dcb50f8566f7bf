"""The steps of one number to its code, by the rules and in each engine."""

from __future__ import annotations

from .trace import explain

__all__ = ["explain"]
