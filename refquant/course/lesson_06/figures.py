"""What lesson 06 shows: the comparison's figures, a closer look at one seed, and paired differences."""

from __future__ import annotations

from ...study.compare.detail_figures import activation_ranges, sqnr_by_layer, weight_histograms
from ...study.compare.detail_figures import misread as wrong_predictions
from ...study.compare.figures import accuracy_against_bits
from ..lesson_04.figures import paired_differences

__all__ = ["accuracy_against_bits", "activation_ranges", "paired_differences", "sqnr_by_layer", "weight_histograms",
           "wrong_predictions"]
