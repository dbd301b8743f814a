"""Segmentation dataset of images and label maps that are paired by name."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmseg.datasets import BaseSegDataset

from mixmae.datasets.labels.mask_pairs import pair_masks, read_pairs
from mixmae.datasets.listed_paths import check_listed_paths
from mixmae.registry import DATASETS

# Beyond all classes, and not ignored.
NO_CLASS = 254


@DATASETS.register_module()
class PairedSegDataset(BaseSegDataset):
    """``mmseg.BaseSegDataset`` for images and masks of any suffix and value.

    Without ``ann_file`` every image below ``data_prefix['img_path']`` is
    paired with the mask of its name below ``data_prefix['seg_map_path']``; see
    ``pair_masks``. With it, each line names an image and its mask, separated
    by a tab; both are relative to the prefixes. The other
    arguments are those of ``mmseg.BaseSegDataset``.

    Args:
        label_values: Value of each class in the files: ``(0, 255)`` makes 255
            class 1. None = class k has the value k, or k + 1 with
            ``reduce_zero_label``. Beside them, ``ignore_index`` is ignored,
            and any other value is an error of ``CheckLabelMap``.

    Raises:
        ValueError: ``label_values`` is not one value for each class.
        AnnotationError: An image has no mask, or a line is no pair.
    """

    # See check_listed_paths.
    checks_paths = True

    def __init__(
        self,
        label_values: Sequence[int] | None = None,
        **kwargs: Any,
    ) -> None:
        self.label_values = None if label_values is None else [*label_values]
        classes = (kwargs.get('metainfo') or {}).get('classes') or ()
        if self.label_values is not None:
            if kwargs.get('reduce_zero_label'):
                raise ValueError(
                    'label_values says which value is which class; '
                    'reduce_zero_label=True cannot be combined with it'
                )
            if len(set(self.label_values)) != len(classes):
                raise ValueError(
                    f'label_values {self.label_values} must hold one value '
                    f'for each of the {len(classes)} classes {tuple(classes)}'
                )
        super().__init__(**kwargs)
        # The preflight compares files and classes by it.
        self.label_map = self._value_map()

    def _load_metainfo(self, metainfo: dict | None = None) -> dict:
        """Return the meta information, with the values of the classes."""
        found = super()._load_metainfo(metainfo)
        if self.label_values is not None:
            found['label_values'] = self.label_values
        return found

    def load_data_list(self) -> list[dict]:
        """Return the entry of each pair."""
        images = self.data_prefix.get('img_path') or ''
        masks = self.data_prefix.get('seg_map_path') or ''
        if self.ann_file:
            pairs = read_pairs(self.ann_file)
        else:
            pairs = pair_masks(Path(images), Path(masks))
        entries = [
            {
                'img_path': os.path.join(images, image),
                'seg_map_path': os.path.join(masks, mask),
                'label_map': self._value_map(),
                'reduce_zero_label': self.reduce_zero_label,
                'seg_fields': [],
            }
            for image, mask in pairs
        ]
        check_listed_paths(self, entries)
        return entries

    def _value_map(self) -> dict[int, int] | None:
        """Return the class by value in the file, as ``LoadAnnotations``."""
        if self.label_values is None:
            return None
        # A value of no class must not be taken for the class of that number.
        values = dict.fromkeys(range(len(self.label_values)), NO_CLASS)
        values |= {v: k for k, v in enumerate(self.label_values)}
        return values
