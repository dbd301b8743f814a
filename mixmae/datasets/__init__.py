"""Datasets, transforms and samplers; the embedded synthetic scenes."""

from mixmae.registry import DATASETS, exports

__getattr__ = exports(
    __name__, DATASETS, TooManyCorruptFilesError='corrupt.corrupt_files'
)
