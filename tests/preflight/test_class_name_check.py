"""Class names of config, data and checkpoint."""

import pytest
import torch

from tests.preflight.labelled_sets import (
    class_set,
    classification,
    coco_set,
    detection,
    messages,
    preflight,
    segmentation,
    segmentation_set,
)

pytest.importorskip('mmpretrain')


@pytest.fixture
def folders(tmp_path):
    return class_set(tmp_path / 'data', ['cat', 'cow'], ['cat', 'cow'])


@pytest.mark.parametrize(
    'names, words',
    [('cat', 'a tuple of one class'), (('cat', 'cat'), 'is repeated')],
)
def test_faulty_lists_are_refused(tmp_path, folders, names, words):
    config = classification(folders, metainfo=dict(classes=names))
    _, raised = preflight(config, tmp_path)
    assert words in str(raised)
    assert 'train_dataloader.dataset.metainfo.classes' in str(raised)
    assert all('classes' in line for line in str(raised).splitlines())


@pytest.mark.parametrize('task', ['detection', 'segmentation'])
@pytest.mark.filterwarnings('ignore')
def test_one_text_in_mmdet_and_mmseg(full_tier, tmp_path, task):
    if task == 'detection':
        config = detection(coco_set(tmp_path / 'data'))
    else:
        config = segmentation(segmentation_set(tmp_path / 'data'))
    for loader in (config.train_dataloader, config.val_dataloader):
        loader.dataset.metainfo = dict(classes='cat')
    _, raised = preflight(config, tmp_path, num_classes=3)
    assert "classes=('cat',)" in str(raised)


def test_names_in_a_file(tmp_path, folders):
    names = tmp_path / 'names.txt'
    names.write_text('cat\ncow\n')
    config = classification(folders, metainfo=dict(classes=str(names)))
    findings, raised = preflight(config, tmp_path)
    assert raised is None and messages(findings) == []
    names.write_text('cow\ncat\n')
    _, raised = preflight(config, tmp_path)
    assert 'order' in str(raised)


def checkpoint(tmp_path, *names):
    path = tmp_path / 'last.pth'
    meta = dict(dataset_meta=dict(classes=names))
    torch.save(dict(meta=meta, state_dict={'w': torch.zeros(3)}), path)
    return str(path)


def test_a_checkpoint_of_another_order(tmp_path, folders):
    """A cat would be called a cow; a resumed head keeps its order."""
    config = classification(folders, metainfo=dict(classes=('cat', 'cow')))
    config.load_from = checkpoint(tmp_path, 'cat', 'cow')
    config.resume = True
    findings, raised = preflight(config, tmp_path)
    assert raised is None and messages(findings) == []
    assert 'checkpoint' in findings['order of classes'].compared
    config.load_from = checkpoint(tmp_path, 'cow', 'cat')
    _, raised = preflight(config, tmp_path)
    assert "'cat' here and 'cow' there" in str(raised)
    # Weights to start from are of any classes.
    config.resume = False
    _, raised = preflight(config, tmp_path)
    assert raised is None


@pytest.mark.parametrize('content', [b'', b'\x80nothing', b'PK\x03\x04'])
def test_an_unreadable_checkpoint_is_not_reported(tmp_path, folders, content):
    config = classification(folders)
    config.load_from = str(tmp_path / 'odd.pth')
    (tmp_path / 'odd.pth').write_bytes(content)
    findings, raised = preflight(config, tmp_path)
    assert raised is None and messages(findings) == []


@pytest.mark.filterwarnings('ignore')
def test_train_and_val_of_mmseg_in_another_order(full_tier, tmp_path):
    config = segmentation(segmentation_set(tmp_path / 'data'))
    palette = [[0, 0, 0], [1, 1, 1]]
    config.val_dataloader.dataset.metainfo = dict(
        classes=('object', 'ground'), palette=palette
    )
    _, raised = preflight(config, tmp_path, 'decode_head')
    assert "label 0 is 'object' here and 'ground' there" in str(raised)


@pytest.mark.filterwarnings('ignore')
def test_palette_of_another_length(full_tier, tmp_path):
    config = segmentation(segmentation_set(tmp_path / 'data'))
    config.train_dataloader.dataset.metainfo.palette = [[0, 0, 0]]
    _, raised = preflight(config, tmp_path, 'decode_head')
    assert '2 classes and a palette of 1 colours' in str(raised)
