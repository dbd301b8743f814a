"""Samplers."""

from mixmae.registry import DATA_SAMPLERS, exports

__getattr__ = exports(
    __name__,
    DATA_SAMPLERS,
    InfiniteBatchSampler='infinite_batch_sampler',
    ResumableBatchSampler='update_sampler',
)
