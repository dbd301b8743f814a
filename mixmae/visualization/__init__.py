"""Reconstruction panels, drawn predictions and loss curves."""
