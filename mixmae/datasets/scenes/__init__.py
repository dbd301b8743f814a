"""Synthetic scenes: images with labels, boxes and masks."""

from mixmae.datasets.scenes.objects import CLASSES, KINDS
from mixmae.datasets.scenes.renderer import SceneRenderer
from mixmae.datasets.scenes.scene import Instance, Scene

__all__ = ['CLASSES', 'KINDS', 'Instance', 'Scene', 'SceneRenderer']
