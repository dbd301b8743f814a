"""Data sets, transforms and samplers; the embedded synthetic scenes."""

from mixmae.datasets.unlabeled_image_folder import (
    TooManyBrokenImagesError,
    UnlabeledImageFolder,
)

__all__ = ['TooManyBrokenImagesError', 'UnlabeledImageFolder']
