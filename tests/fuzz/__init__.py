"""Fuzz tests of reading damaged and forged checkpoints."""
