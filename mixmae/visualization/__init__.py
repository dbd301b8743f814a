"""Panels of reconstructions, drawn predictions, curves."""
