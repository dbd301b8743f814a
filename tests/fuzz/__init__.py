"""Checkpoints that are damaged or forged, and what becomes of their reader."""
