"""Data sets, transforms and samplers; the embedded synthetic scenes."""

from mixmae.datasets.lmdb_images import LmdbImages
from mixmae.datasets.packed_images import PackedImages
from mixmae.datasets.unlabeled_image_folder import (
    TooManyBrokenImagesError,
    UnlabeledImageFolder,
)

__all__ = [
    'LmdbImages',
    'PackedImages',
    'TooManyBrokenImagesError',
    'UnlabeledImageFolder',
]
