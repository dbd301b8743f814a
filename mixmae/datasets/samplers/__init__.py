"""Samplers."""

from mixmae.registry import DATA_SAMPLERS, exports

__getattr__ = exports(
    __name__,
    DATA_SAMPLERS,
    InfiniteBatchSampler='update_sampler',
    ResumableBatchSampler='update_sampler',
)
