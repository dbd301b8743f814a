"""Segmentation data set of images and masks that are paired by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip('mmcv.ops', reason='no full tier: `make test`')

from mmengine.registry import DefaultScope

from mixmae.config.failure_report import AnnotationError
from mixmae.datasets.labels.mask_pairs import write_pairs
from mixmae.datasets.paired_masks import PairedSegDataset

PREFIX = dict(img_path='i', seg_map_path='m')
PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='mixmae.CheckLabelMap', num_classes=2),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write two images of different suffixes, with masks of 0 and 255."""
    for name, mask in (('1.jpg', '1.png'), ('2.png', '2_mask.png')):
        for kind in PREFIX.values():
            (tmp_path / kind).mkdir(exist_ok=True)
        Image.fromarray(np.zeros((4, 6, 3), np.uint8)).save(
            tmp_path / 'i' / name
        )
        values = np.zeros((4, 6), np.uint8)
        values[:, 2:] = 255
        Image.fromarray(values).save(tmp_path / 'm' / mask)
    return tmp_path


def built(folder: Path, **options) -> PairedSegDataset:
    with DefaultScope.overwrite_default_scope('mmseg'):
        return PairedSegDataset(
            data_root=str(folder),
            metainfo=dict(classes=('a', 'b')),
            pipeline=PIPELINE,
            **options,
        )


@pytest.mark.parametrize('listed', [True, False])
def test_values_become_classes(folder: Path, listed: bool) -> None:
    options = dict(data_prefix=PREFIX)
    if listed:
        write_pairs(
            folder / 'list.txt',
            [('i/1.jpg', 'm/1.png'), ('i/2.png', 'm/2_mask.png')],
        )
        prefix = dict(img_path='', seg_map_path='')
        options = dict(ann_file='list.txt', data_prefix=prefix)
    data = built(folder, label_values=(0, 255), **options)
    assert data.metainfo['label_values'] == [0, 255]
    for index in range(2):
        labels = data[index]['gt_seg_map']
        assert (labels[:, :2] == 0).all() and (labels[:, 2:] == 1).all()
    # Without the values, 255 is ignored.
    assert (built(folder, **options)[0]['gt_seg_map'][:, 2:] == 255).all()


def test_a_value_of_no_class_is_an_error(folder: Path) -> None:
    # Nor is 0 taken for class 0.
    for values in ((5, 255), (255, 1)):
        data = built(folder, label_values=values, data_prefix=PREFIX)
        with pytest.raises(AnnotationError, match='in 8 pixels'):
            data[0]


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(label_values=(0,)), 'one value for each of the 2 classes'),
        (dict(label_values=(1, 1)), 'one value for each of the 2 classes'),
        (
            dict(label_values=(1, 2), reduce_zero_label=True),
            'cannot be combined with it',
        ),
    ],
)
def test_values_that_do_not_fit(
    folder: Path, options: dict, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        built(folder, data_prefix=PREFIX, **options)


def test_a_list_leads_out_of_the_folder(folder: Path) -> None:
    (folder / 'list.txt').write_text('../1.jpg\t1.png\n')
    with pytest.raises(AnnotationError, match='1.jpg'):
        built(folder, ann_file='list.txt', data_prefix=PREFIX)
