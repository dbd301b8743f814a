"""Maskings: pure functions of a size and a generator."""

from mixmae.masking.random_masking import RandomMasking

__all__ = ['RandomMasking']
