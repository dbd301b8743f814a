"""Checks of labels, class names and annotations; images paired with masks."""
