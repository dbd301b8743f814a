"""Maskings: pure functions of a size and a generator."""

from mixmae.masking.random_masking import RandomMasking
from mixmae.masking.uniform_masking import UniformMasking

__all__ = ['RandomMasking', 'UniformMasking']
