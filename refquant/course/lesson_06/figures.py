"""What lesson 06 shows: weights and their codes, and paired differences."""

from __future__ import annotations

from ...study.compare.detail_figures import weight_histograms
from ..lesson_04.figures import paired_differences

__all__ = ["paired_differences", "weight_histograms"]
