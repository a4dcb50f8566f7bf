"""Which production engine departs from which rule, on which input, and why: computed when asked, never stored."""
