"""Samplers."""

from mixmae.datasets.samplers.update_sampler import UpdateSampler

__all__ = ['UpdateSampler']
