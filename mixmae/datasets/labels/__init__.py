"""Checks of labels, class names and annotations; read-only."""
