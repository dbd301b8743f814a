"""Transforms of images, and checks of their annotations."""

from mixmae.datasets.broken_image_error import BrokenImageError
from mixmae.datasets.transforms.check_instances import CheckInstances
from mixmae.datasets.transforms.check_label_map import CheckLabelMap
from mixmae.datasets.transforms.draw_flip import DrawFlip
from mixmae.datasets.transforms.load_image import LoadImage
from mixmae.datasets.transforms.load_random_resized_crop import (
    LoadRandomResizedCrop,
)
from mixmae.datasets.transforms.pack_image import PackImage
from mixmae.datasets.transforms.seed_sample import SeedSample

__all__ = [
    'BrokenImageError',
    'CheckInstances',
    'CheckLabelMap',
    'DrawFlip',
    'LoadImage',
    'LoadRandomResizedCrop',
    'PackImage',
    'SeedSample',
]
