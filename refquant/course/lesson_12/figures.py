"""What lesson 12 shows: paired differences, as lesson 04."""

from __future__ import annotations

from ..lesson_04.figures import paired_differences

__all__ = ["paired_differences"]
