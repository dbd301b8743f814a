"""Tools for datasets; training imports none of them."""
