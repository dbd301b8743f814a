"""Faulty annotation files, reported by preflight and check_dataset."""

import copy

import pytest

from mixmae.preflight import PlannedRun
from mixmae.preflight.annotation_check import Annotations
from tests.preflight.labelled_sets import (
    checked,
    coco_content,
    coco_set,
    detection,
)

pytestmark = [
    pytest.mark.filterwarnings('ignore'),
    pytest.mark.usefixtures('full_tier'),
]


def found(config):
    finding = Annotations().run(PlannedRun('train', config))
    return list(finding.errors), list(finding.warnings)


def test_a_valid_set_has_no_finding(tmp_path, capsys):
    root = coco_set(tmp_path / 'data')
    assert found(detection(root)) == ([], [])
    assert checked(capsys, 'coco-format', root) == []


def each(content, change):
    for entry in content['annotations']:
        change(entry)


def corners(entry):
    x, y, w, h = entry['bbox']
    entry['bbox'] = [x, y, x + w, y + h]


def fractions(entry):
    x, y, w, h = entry['bbox']
    entry['bbox'] = [x / 48, y / 24, w / 48, h / 24]


def halved(entry):
    entry['bbox'] = [value / 2 for value in entry['bbox']]
    entry['segmentation'] = [[v / 2 for v in entry['segmentation'][0]]]


SPOILED = {
    'corners': (lambda c: each(c, corners), '[x1, y1, x2, y2]'),
    'fractions': (lambda c: each(c, fractions), 'between 0 and 1'),
    'no area': (
        lambda c: each(c, lambda e: e.pop('area')),
        '8 of 8 objects have no area, which mmdet needs; add the pixels',
    ),
    'area of text': (
        lambda c: each(c, lambda e: e.update(area='40')),
        "area is '40', not a number",
    ),
    'no iscrowd': (lambda c: each(c, lambda e: e.pop('iscrowd')), 'iscrowd'),
    'area of 0': (lambda c: each(c, lambda e: e.update(area=0)), 'area of 0'),
    'area of NaN': (
        lambda c: each(c, lambda e: e.update(area=float('nan'))),
        'or not a number',
    ),
    'areas as fractions': (
        lambda c: each(c, lambda e: e.update(area=e['area'] / 1e5)),
        '8 of 8 areas do not fit the boxes',
    ),
    'crowds': (
        lambda c: each(c, lambda e: e.update(iscrowd=1)),
        '8 of 8 objects have "iscrowd": 1',
    ),
    'objects listed twice': (
        lambda c: c['annotations'].append(dict(c['annotations'][0], id=99)),
        '1 of 9 objects repeat the image, category and box',
    ),
    'no objects': (lambda c: c['annotations'].clear(), 'no objects; nothing'),
    'images enlarged': (
        lambda c: (c.update(coco_content(images=12)), each(c, halved)),
        'lie in the upper left quarter',
    ),
    'one mask less': (
        lambda c: c['annotations'][0].pop('segmentation'),
        '1 of 8 objects have no mask',
    ),
    'empty run lengths': (
        lambda c: c['annotations'][0].update(
            segmentation=dict(size=[24, 48], counts=[24 * 48])
        ),
        'without a pixel',
    ),
    'flat polygon': (
        lambda c: c['annotations'][0].update(
            segmentation=[[8, 4, 8, 9, 8, 12]]
        ),
        'without a pixel',
    ),
    'boxes elsewhere': (
        lambda c: each(c, lambda e: e.update(bbox=[30, 10, 14, 12])),
        'do not enclose the mask',
    ),
    'outside': (
        lambda c: c['annotations'][0].update(bbox=[40, 4, 14, 12]),
        'beyond the image',
    ),
    'unknown image': (
        lambda c: c['annotations'][0].update(image_id=99),
        'does not exist in images',
    ),
    'order of categories': (
        lambda c: c['categories'].reverse(),
        'another order',
    ),
}


@pytest.mark.parametrize('fault', SPOILED)
def test_faults_of_val(tmp_path, capsys, fault):
    change, words = SPOILED[fault]
    content = coco_content()
    change(content)
    root = coco_set(tmp_path / 'data', val=content)
    lines = [*found(detection(root))[0], *found(detection(root))[1]]
    assert any(words in line for line in lines), lines
    assert all('\n' not in line for line in lines)
    problems = checked(capsys, 'coco-format', root)
    assert any(words in line for line in problems), problems
    assert any(line.startswith('problem') for line in problems)


def test_val_without_masks(tmp_path, capsys):
    content = coco_content()
    each(content, lambda entry: entry.pop('segmentation'))
    root = coco_set(tmp_path / 'data', val=content)
    config = detection(root)
    errors, _ = found(config)
    assert any('8 of 8 objects have no mask' in line for line in errors)
    problems = checked(capsys, 'coco-format', root)
    assert any('no object has a mask' in line for line in problems)
    # Only boxes are evaluated and trained.
    config.val_evaluator.metric = 'bbox'
    assert found(config) == ([], [])


def test_classes_in_another_order_than_the_file(tmp_path):
    """mmdet numbers classes in file order; a cat would be called a cow."""
    root = coco_set(tmp_path / 'data')
    config = detection(root, metainfo=dict(classes=('cow', 'cat')))
    errors, _ = found(config)
    assert any("label 0 is 'cow' here and 'cat' there" in e for e in errors)
    part = detection(root, metainfo=dict(classes=('cow',)))
    errors, warnings = found(part)
    assert errors == []
    assert any('4 of 8 objects are ignored' in line for line in warnings)
    lacking = detection(root, metainfo=dict(classes=('cat', 'dog', 'cow')))
    assert any('lacks dog' in line for line in found(lacking)[0])


def test_the_metric_reads_the_file_of_the_data(tmp_path):
    content = coco_content()
    content['annotations'].pop()
    root = coco_set(tmp_path / 'data', val=content)
    config = detection(root)
    other = copy.deepcopy(config)
    other.val_evaluator.ann_file = str(
        root / 'annotations' / 'instances_train.json'
    )
    assert any('different files' in line for line in found(other)[0])
    config.val_dataloader.dataset.indices = 2
    assert any('counts the objects' in line for line in found(config)[1])


def test_tiny_objects_are_no_fractions(tmp_path):
    """Valid data sets have some boxes below one pixel."""
    content = coco_content()
    content['annotations'][0].update(
        bbox=[0.2, 0.2, 0.5, 0.5], segmentation=[[0, 0, 1, 0, 1, 1]]
    )
    root = coco_set(tmp_path / 'data', train=content)
    assert found(detection(root)) == ([], [])
