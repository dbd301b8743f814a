"""Tools for data sets; a training imports none of them."""
