"""Samplers: images of each rank, and their order, also after a resume."""

from mixmae.registry import DATA_SAMPLERS, exports

__getattr__ = exports(
    __name__,
    DATA_SAMPLERS,
    InfiniteBatchSampler='resumable_samplers',
    ResumableBatchSampler='resumable_samplers',
)
