"""Samplers."""

from mixmae.registry import DATA_SAMPLERS, exports

__getattr__ = exports(
    __name__,
    DATA_SAMPLERS,
    EndlessBatches='endless_batches',
    EpochBatches='epoch_batches',
)
