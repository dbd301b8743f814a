"""Samplers."""

from mixmae.datasets.samplers.endless_batches import EndlessBatches
from mixmae.datasets.samplers.epoch_batches import EpochBatches
from mixmae.datasets.samplers.update_sampler import UpdateSampler

__all__ = ['EndlessBatches', 'EpochBatches', 'UpdateSampler']
