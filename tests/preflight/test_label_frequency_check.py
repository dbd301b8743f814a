"""Counts of labels and of ignored labels."""

import pytest

from tests.full_tier import require_full_tier
from tests.preflight.labelled_sets import (
    class_set,
    classification,
    coco_content,
    coco_set,
    detection,
    messages,
    picture,
    preflight,
)

pytest.importorskip('mmpretrain')


def listed(root, lines, names=None):
    """Return the config of a list of images with labels."""
    class_set(root, 'a', 'a')
    for split in ('train', 'val'):
        (root / f'{split}.txt').write_text('\n'.join(lines) + '\n')
    meta = dict(metainfo=dict(classes=names)) if names else {}
    config = classification(root, **meta)
    for split in ('train', 'val'):
        config[f'{split}_dataloader'].dataset.ann_file = f'{split}.txt'
    return config


def test_counts_of_labels_are_logged(tmp_path):
    root = class_set(tmp_path / 'data', dict(a=3, b=1), dict(a=1, b=1))
    findings, raised = preflight(classification(root), tmp_path)
    assert raised is None and messages(findings) == []
    notes = findings['labels'].notes
    assert 'train: 4 images' in notes
    assert 'train labels: 0 (a): 3, 1 (b): 1' in notes


@pytest.mark.parametrize(
    'lines, words, refused',
    [
        (['a/0.png 0', 'a/1.png 2'], 'label 2 in 1 images', True),
        (['a/0.png 0', 'a/1.png 0'], 'has only class 0', False),
        (['a/0.png 0', 'a/9.png 1'], '1 of 2 images are missing', False),
    ],
)
def test_labels_of_lists(tmp_path, lines, words, refused):
    config = listed(tmp_path / 'data', lines)
    findings, raised = preflight(config, tmp_path)
    assert any(words in line for line in messages(findings)), messages(
        findings
    )
    assert (raised is not None) == refused


def test_valid_lists_have_no_finding(tmp_path):
    config = listed(tmp_path / 'data', ['a/0.png 0', 'a/1.png 1'])
    findings, raised = preflight(config, tmp_path)
    assert raised is None and messages(findings) == []


def test_files_skipped_for_their_suffix(tmp_path):
    root = class_set(tmp_path / 'data')
    picture(root / 'train' / 'a' / 'odd.webp')
    findings, raised = preflight(classification(root), tmp_path, num_classes=3)
    assert raised is None
    assert 'train: 6 images' in findings['labels'].notes
    assert '1 .webp' in '\n'.join(findings['folders'].warnings)


@pytest.mark.filterwarnings('ignore')
def test_images_left_out_of_annotations(tmp_path):
    require_full_tier()
    content = coco_content(images=5)
    content['annotations'] = [
        one for one in content['annotations'] if one['image_id'] > 1
    ]
    root = coco_set(tmp_path / 'data', train=content)
    config = detection(root)
    findings, raised = preflight(config, tmp_path, 'bbox_head')
    assert raised is None and messages(findings) == []
    assert (
        'train: kept 3 of 5 images: 2 without an object of the classes'
        in findings['labels'].notes
    )
    (root / 'train' / '4.jpg').unlink()
    _, raised = preflight(config, tmp_path, 'bbox_head')
    assert '1 of 3 images are missing' in str(raised)


def test_data_read_without_labels(tmp_path):
    root = class_set(tmp_path / 'data')
    config = classification(root)
    config.train_dataloader.dataset.with_label = False
    _, raised = preflight(config, tmp_path, num_classes=3)
    assert 'train_dataloader.dataset.with_label=True' in str(raised)
