"""Transforms of images, and checks of their annotations."""

from mixmae.datasets.broken_image_error import BrokenImageError
from mixmae.datasets.transforms.check_instances import CheckInstances
from mixmae.datasets.transforms.check_label_map import CheckLabelMap
from mixmae.datasets.transforms.load_image import LoadImage
from mixmae.datasets.transforms.seed_sample import SeedSample

__all__ = [
    'BrokenImageError',
    'CheckInstances',
    'CheckLabelMap',
    'LoadImage',
    'SeedSample',
]
