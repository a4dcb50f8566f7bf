"""Every figure, in one visual language; a notebook imports these and never matplotlib."""

from .comparison import accuracy_against_bits, cross_entropy_against_bits, sqnr_against_bits
from .details import activation_ranges, misread, sqnr_by_layer, training_curves, weight_histograms
from .lessons import (
    accuracy_against_calibration,
    codes_under_histograms,
    dithered_loss,
    error_histogram,
    number_lines,
    oscillation,
    paired_differences,
    sqnr_of_fits,
    staircase,
    straight_through,
)
from .style import png

__all__ = ["accuracy_against_bits", "activation_ranges", "cross_entropy_against_bits", "misread", "sqnr_by_layer",
           "training_curves", "weight_histograms", "codes_under_histograms", "error_histogram", "number_lines", "png",
           "sqnr_against_bits", "sqnr_of_fits", "staircase",
           "accuracy_against_calibration", "dithered_loss", "oscillation", "paired_differences", "straight_through"]
