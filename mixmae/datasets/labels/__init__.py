"""Comparison of labels, class names and annotations; reads, never changes."""
