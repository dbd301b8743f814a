"""Conversion from and to the checkpoints of other code bases."""
