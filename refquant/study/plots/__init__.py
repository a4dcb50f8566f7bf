"""Every figure, in one visual language; a notebook imports these and never matplotlib."""

from .comparison import accuracy_against_bits, cross_entropy_against_bits, sqnr_against_bits
from .details import activation_ranges, misread, sqnr_by_layer, training_curves, weight_histograms
from .engines import engines_around_ties
from .inspection import error_against_clip, tensor_ranges
from .lesson_03 import (
    accuracy_against_sqnr,
    best_clips,
    decibels_by_bits,
    image_rows,
    modelled_and_true,
    noise_model,
    ranges_over_histogram,
    sqnr_of_rules,
    two_errors,
)
from .lesson_04 import (
    gain_of_weights,
    largest_in_groups,
    price_of_scales,
    shared_scales,
    sqnr_against_migration,
    sqnr_against_outliers,
)
from .lesson_05 import against, ladders, passes, running_ranges, seen_as_codes, two_judges, two_metrics
from .lesson_08 import changed_by_mantissa, integer_path, packed_bits, signed_bits, sums_in_bits, two_roundings
from .lesson_09 import by_layer, code_table, how_often, told_apart, where_it_turns
from .lesson_10 import by_seed, foretold, half_widths, intervals, pairs, worlds
from .lessons import (
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
           "dithered_loss", "oscillation", "paired_differences", "straight_through",
           "against", "ladders", "passes", "running_ranges", "seen_as_codes", "two_judges", "two_metrics",
           "changed_by_mantissa", "integer_path", "packed_bits", "signed_bits", "sums_in_bits", "two_roundings",
           "by_layer", "code_table", "how_often", "told_apart", "where_it_turns",
           "largest_in_groups", "price_of_scales", "shared_scales", "sqnr_against_migration", "sqnr_against_outliers",
           "gain_of_weights",
           "accuracy_against_sqnr", "best_clips", "decibels_by_bits", "image_rows", "modelled_and_true", "noise_model",
           "ranges_over_histogram", "sqnr_of_rules", "two_errors",
           "by_seed", "foretold", "half_widths", "intervals", "pairs", "worlds",
           "error_against_clip", "tensor_ranges", "engines_around_ties"]
