"""Checks for the exercises of the course, one module per lesson: they say what is wrong, not only that it is."""
