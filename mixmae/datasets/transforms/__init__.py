"""Transforms of images."""

from mixmae.datasets.transforms.load_image import BrokenImageError, LoadImage

__all__ = ['BrokenImageError', 'LoadImage']
