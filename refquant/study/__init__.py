"""What people run: the data, the comparison, its figures, the command line. Nothing below this package imports it."""
