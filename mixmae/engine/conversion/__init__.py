"""Checkpoints of other code bases to ours, and ours to theirs."""
