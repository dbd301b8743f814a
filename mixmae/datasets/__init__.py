"""Data sets, transforms and samplers; the embedded synthetic scenes."""
