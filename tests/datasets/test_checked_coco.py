"""Corrupt annotations in mmdet's and mmseg's data sets and pipelines."""

import json
from importlib import import_module

import cv2
import numpy as np
import pytest
from mmengine.registry import DefaultScope

from mixmae.datasets.scenes.objects import CLASSES
from mixmae.datasets.scenes.scene_set import SceneSet

# Warnings of mmcv's and mmdet's code about changed functions.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings('ignore'),
    pytest.mark.usefixtures('full_tier'),
]


@pytest.fixture
def scenes(tmp_path):
    SceneSet(size=16, train=1, val=4).write(tmp_path / 'scenes')
    return tmp_path / 'scenes'


def build(package, config):
    """Build a data set as a config of the package does."""
    registry = import_module(f'{package}.registry').DATASETS
    import_module(f'{package}.datasets')
    with DefaultScope.overwrite_default_scope(package):
        return registry.build(config)


def detection(root, kind='mixmae.CheckedCocoDataset', **options):
    path = 'annotations/instances_val.json'
    config = dict(
        type=kind,
        data_root=str(root / 'coco'),
        ann_file=path,
        data_prefix=dict(img='val/'),
        metainfo=dict(classes=CLASSES),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(
                type='mixmae.CheckInstances',
                num_classes=len(CLASSES),
                with_mask=True,
                ann_file=str(root / 'coco' / path),
            ),
            dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
        ],
    )
    return build('mmdet', config | options)


def spoil(root, part, **values):
    path = root / 'coco' / 'annotations' / 'instances_val.json'
    content = json.loads(path.read_text())
    content[part][0].update(values)
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize('kind', ['CocoDataset', 'mixmae.CheckedCocoDataset'])
def test_valid_scenes_pass(scenes, kind):
    dataset = detection(scenes, kind)
    assert len(dataset) == 4
    assert sum(len(results['gt_masks']) for results in dataset) > 4


def test_the_same_objects_as_mmdets_own(scenes):
    both = [
        detection(scenes, kind)
        for kind in ('CocoDataset', 'mixmae.CheckedCocoDataset')
    ]
    for mmdets, ours in zip(*both):
        assert mmdets['instances'] == ours['instances']
        assert ours['ann_file'].endswith('annotations/instances_val.json')


@pytest.mark.parametrize(
    'values, words',
    [
        (dict(category_id=11), 'category_id 11 does not exist in categories'),
        (dict(bbox=[40, 40, 5, 5]), 'beyond the image of 16 x 16'),
        (dict(segmentation=[[1, 1, 2, 2]]), 'three points'),
        (dict(image_id=99), 'image_id 99 does not exist in images'),
    ],
)
def test_entries_that_mmdet_drops_are_errors(scenes, values, words):
    path = spoil(scenes, 'annotations', **values)
    detection(scenes, 'CocoDataset')
    with pytest.raises(ValueError) as raised:
        detection(scenes)
    assert words in str(raised.value)
    assert f'{path}, annotation 1' in str(raised.value)


def test_missing_image(scenes):
    path = spoil(scenes, 'images', file_name='gone.png')
    with pytest.raises(ValueError, match='val/gone.png') as raised:
        detection(scenes)
    assert f'{path}, image 1' in str(raised.value)


def test_classes_that_the_file_does_not_have(scenes):
    names = (*CLASSES[:9], 'zebra')
    with pytest.raises(ValueError, match='lacks zebra and has 10 categories'):
        detection(scenes, metainfo=dict(classes=names))


@pytest.mark.parametrize(
    'names, words',
    [
        (CLASSES[::-1], 'another order'),
        (CLASSES[0], 'a tuple of one class'),
        ((*CLASSES, CLASSES[0]), 'is repeated'),
    ],
)
def test_classes_that_name_other_labels(scenes, names, words):
    with pytest.raises(ValueError, match=words):
        detection(scenes, metainfo=dict(classes=names))


def test_a_part_of_the_classes_in_the_order_of_the_file(scenes):
    dataset = detection(scenes, metainfo=dict(classes=CLASSES[2:5]))
    assert list(dataset.cat2label.values()) == [0, 1, 2]


def test_a_truncated_file(scenes):
    path = scenes / 'coco' / 'annotations' / 'instances_val.json'
    path.write_text(path.read_text()[:-9])
    with pytest.raises(ValueError, match='instances_val.json: invalid JSON'):
        detection(scenes)


@pytest.mark.parametrize(
    'part, values, words',
    [
        ('annotations', dict(bbox=[1, 1, 30, 9]), 'beyond the image'),
        (
            'annotations',
            dict(segmentation={'size': [8, 8], 'counts': [0, 64]}),
            'mask is of 8 x 8 px',
        ),
        ('annotations', dict(segmentation=None), 'the mask is missing'),
        ('images', dict(width=15), 'annotations state 15 x 16 px'),
    ],
)
def test_the_pipeline_names_the_entry(scenes, part, values, words):
    """mmdet's own data set accepts these entries."""
    path = spoil(scenes, part, **values)
    dataset = detection(scenes, 'CocoDataset')
    with pytest.raises(ValueError) as raised:
        dataset[0]
    text = str(raised.value)
    assert words in text and 'val/000000.png (id 1)' in text
    if part == 'annotations':
        assert f'{path}: image' in text
        assert 'instance 0 (annotation id 1)' in text


def segmentation(root, reduced=True, classes=CLASSES):
    config = dict(
        type='BaseSegDataset',
        data_root=str(root / 'ade'),
        data_prefix=dict(
            img_path='images/validation', seg_map_path='annotations/validation'
        ),
        img_suffix='.png',
        reduce_zero_label=reduced,
        metainfo=dict(classes=classes),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations'),
            dict(type='mixmae.CheckLabelMap', num_classes=len(classes)),
        ],
    )
    return build('mmseg', config)


def test_valid_label_maps_pass(scenes):
    assert len(list(segmentation(scenes))) == 4
    with_background = ('background', *CLASSES)
    assert len(list(segmentation(scenes, False, with_background))) == 4


@pytest.mark.parametrize(
    'labels, words',
    [
        (np.full((16, 16), 11), r'has value 10 \(11 in the file\) in 256'),
        (np.zeros((8, 16)), 'has 16 x 8 px'),
        (np.zeros((16, 16, 3)), 'not one value per pixel'),
    ],
)
def test_invalid_label_maps_are_named(scenes, labels, words):
    path = scenes / 'ade' / 'annotations' / 'validation' / '000002.png'
    assert cv2.imwrite(str(path), labels.astype(np.uint8))
    dataset = segmentation(scenes)
    dataset[0], dataset[1]
    with pytest.raises(ValueError, match=words) as raised:
        dataset[2]
    assert str(path) in str(raised.value)


@pytest.mark.parametrize('name', ['../../../secret.png', '/etc/secret.png'])
def test_images_outside_of_their_folder_are_refused(scenes, name):
    path = spoil(scenes, 'images', file_name=name)
    with pytest.raises(ValueError) as caught:
        detection(scenes)
    assert f'{path}, image 1: file name {name!r}' in str(caught.value)
