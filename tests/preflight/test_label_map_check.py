"""Label maps with ignored values only, or with wrong ones."""

import json

import numpy as np
import pytest
from PIL import Image

from tests.preflight.labelled_sets import (
    SIZE,
    OneHead,
    checked,
    messages,
    preflight,
    segmentation,
    segmentation_set,
)

pytestmark = [
    pytest.mark.filterwarnings('ignore'),
    pytest.mark.usefixtures('full_tier'),
]


def blocks(*values, shape=(SIZE, SIZE)):
    """Return a label map of horizontal blocks of some values."""
    labels = np.empty(shape, np.uint8)
    for place, rows in enumerate(np.array_split(np.arange(shape[0]), 5)):
        labels[rows] = values[place % len(values)]
    return labels


def both(tmp_path, capsys, root, *options, **settings):
    """Return the preflight's (findings, error) and the checker's lines."""
    config = segmentation(root, **settings)
    findings, raised = preflight(config, tmp_path, 'decode_head')
    return findings, raised, checked(capsys, 'segmentation', root, *options)


@pytest.mark.parametrize(
    'labels, settings, refused',
    [
        (blocks(0, 1, 255), {}, True),
        (blocks(0, 1, 2), dict(reduce_zero_label=True), True),
        # Nothing is ignored: only the settings differ.
        (blocks(0, 1), {}, False),
    ],
)
def test_pixels_that_the_data_ignores_and_the_head_does_not(
    tmp_path, monkeypatch, labels, settings, refused
):
    root = segmentation_set(tmp_path / 'data', [labels] * 3)
    config = segmentation(root, **settings)
    # As decode heads of mmseg have it.
    head = 'decode_head'
    build = OneHead.__init__

    def init(self, *given):
        build(self, *given)
        getattr(self, head).ignore_index = 7

    monkeypatch.setattr(OneHead, '__init__', init)
    findings, raised = preflight(config, tmp_path, head)
    said = [m for m in messages(findings) if 'ignore_index is 7' in m]
    assert len(said) == 2
    assert (raised is not None) == refused


def test_valid_maps_have_no_finding(tmp_path, capsys):
    root = segmentation_set(tmp_path / 'data')
    findings, raised, lines = both(tmp_path, capsys, root)
    assert raised is None and messages(findings) == [] and lines == []
    notes = findings['label maps'].notes
    assert len(notes) == 2 and '3 of 3 label maps' in notes[0]


@pytest.mark.parametrize(
    'labels, words, refused',
    [
        (blocks(0, 255), 'contain only 0 and the ignore value 255', False),
        (blocks(1), 'contain only one class', False),
        (blocks(255), 'contain only 255', True),
        (blocks(0, 1, 2), ' 2 in ', True),
        (blocks(0, 1, shape=(SIZE, 2 * SIZE)), 'labels are for 48 x 24', True),
        (np.zeros((SIZE, SIZE, 3), np.uint8), 'mode RGB', True),
    ],
)
def test_preflight_and_checker_agree(tmp_path, capsys, labels, words, refused):
    root = segmentation_set(tmp_path / 'data', [labels] * 3)
    findings, raised, lines = both(tmp_path, capsys, root)
    assert any(words in line for line in messages(findings)), messages(
        findings
    )
    assert (raised is not None) == refused
    assert any(
        words in line and line.startswith('problem') for line in lines
    ), lines


def test_the_shares_of_values_are_reported(tmp_path, capsys):
    labels = np.zeros((SIZE, SIZE), np.uint8)
    labels[: SIZE // 4] = 255
    root = segmentation_set(tmp_path / 'data', [labels])
    findings, _, lines = both(tmp_path, capsys, root)
    for line in (messages(findings)[0], lines[0]):
        assert '0 (75 % of the pixels), 255 (25 % of the pixels)' in line
        assert '1 (object) never occurs' in line


def test_a_class_that_val_lacks_is_reported(tmp_path, capsys):
    root = segmentation_set(
        tmp_path / 'data', [blocks(0, 1, 2)], val=[blocks(0, 1)]
    )
    (root / 'classes.txt').write_text('a\nb\nc\n')
    meta = dict(classes=('a', 'b', 'c'), palette=[[0] * 3] * 3)
    config = segmentation(root, metainfo=meta)
    findings, raised = preflight(config, tmp_path, 'decode_head', 3)
    assert raised is None
    (line,) = messages(findings)
    assert 'val' in line and '1 of 3 classes never occur (2 (c))' in line
    (line,) = checked(capsys, 'segmentation', root)
    assert line.startswith('note') and '2 (c)' in line


@pytest.mark.parametrize('names', [('background', 'object'), ('a', 'b')])
def test_reduced_zeros_that_are_a_class(tmp_path, capsys, names):
    root = segmentation_set(tmp_path / 'data', [blocks(0, 1)])
    known = dict(classes=names, reduce_zero_label=True)
    (root / 'classes.json').write_text(json.dumps(known))
    meta = dict(classes=names, palette=[[0] * 3] * 2)
    findings, _, lines = both(
        tmp_path, capsys, root, metainfo=meta, reduce_zero_label=True
    )
    words = 'reduce_zero_label=True ignores value 0 (58'
    assert any(words in line for line in messages(findings)), messages(
        findings
    )
    assert any(words in line for line in lines)


def test_zeros_that_should_be_reduced(tmp_path, capsys):
    root = segmentation_set(tmp_path / 'data', [blocks(0, 1, 2)])
    _, raised, _ = both(tmp_path, capsys, root)
    assert 'set reduce_zero_label=True' in str(raised)
    config = segmentation(root, reduce_zero_label=True)
    findings, raised = preflight(config, tmp_path, 'decode_head')
    assert raised is None and messages(findings) == []


def test_settings_that_disagree(tmp_path):
    root = segmentation_set(tmp_path / 'data', [blocks(0, 1, 2)])
    config = segmentation(root, reduce_zero_label=True)
    for loader in (config.train_dataloader, config.val_dataloader):
        loader.dataset.pipeline[1].reduce_zero_label = False
    _, raised = preflight(config, tmp_path, 'decode_head')
    assert 'reduce_zero_label=True, its LoadAnnotations False' in str(raised)


def test_palettes_by_opencv(tmp_path):
    root = segmentation_set(tmp_path / 'data')
    for path in root.glob('annotations/*/*.png'):
        image = Image.fromarray(np.asarray(Image.open(path)))
        image.putpalette([200, 10, 10] * 256)
        image.save(path)
    config = segmentation(root)
    findings, raised = preflight(config, tmp_path, 'decode_head')
    assert raised is None and messages(findings) == []
    for loader in (config.train_dataloader, config.val_dataloader):
        loader.dataset.pipeline[1].imdecode_backend = 'cv2'
    _, raised = preflight(config, tmp_path, 'decode_head')
    assert "imdecode_backend='pillow'" in str(raised)


def test_missing_maps_and_skipped_images(tmp_path, capsys):
    root = segmentation_set(tmp_path / 'data')
    folder = root / 'images' / 'train'
    (folder / '0.jpg').rename(folder / '0.jpeg')
    findings, raised, _ = both(tmp_path, capsys, root)
    assert raised is None
    assert 'train: 2 images' in findings['labels'].notes
    assert '1 .jpeg' in '\n'.join(findings['folders'].warnings)
    (root / 'annotations' / 'train' / '1.png').unlink()
    _, raised, lines = both(tmp_path, capsys, root)
    assert '1 of 2 label maps are missing' in str(raised)
    assert any('has no label map' in line for line in lines)
