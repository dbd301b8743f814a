"""Boxes and masks on photos with an EXIF orientation."""

import numpy as np
import pytest
from PIL import Image, ImageOps

from tests.preflight.labelled_sets import (
    checked,
    coco_content,
    coco_set,
    detection,
    messages,
    preflight,
    segmentation,
    segmentation_set,
    turned,
)

pytestmark = [
    pytest.mark.filterwarnings('ignore'),
    pytest.mark.usefixtures('full_tier'),
]
# Boxes and masks of the annotations fit into all of them.
WIDE, HIGH, SQUARE, LARGE = (48, 24), (24, 48), (24, 24), (48, 48)


def boxes(root, orientation, stored, labelled=WIDE):
    """Write boxes; two photos of train have an orientation."""
    content = coco_content()
    for image in content['images']:
        image['width'], image['height'] = labelled
    coco_set(root, train=content, val=content)
    for split in ('train', 'val'):
        for number in range(4):
            turn = orientation if (split, number < 2) == ('train', True) else 1
            size = stored if turn != 1 else labelled
            turned(root / split / f'{number}.jpg', turn, size)
    return root


@pytest.mark.parametrize('orientation', [1, 6, 8])
def test_upright_and_matching_photos_have_no_finding(
    tmp_path, capsys, orientation
):
    stored = WIDE if orientation == 1 else HIGH
    root = boxes(tmp_path / 'data', orientation, stored)
    findings, raised = preflight(detection(root), tmp_path, 'bbox_head')
    assert raised is None and messages(findings) == []
    assert checked(capsys, 'coco-format', root) == []


@pytest.mark.parametrize(
    'orientation, stored, labelled',
    [(2, WIDE, WIDE), (3, WIDE, WIDE), (4, WIDE, WIDE), (6, LARGE, LARGE)],
)
def test_half_turns_and_mirrors_are_counted(
    tmp_path, capsys, orientation, stored, labelled
):
    root = boxes(tmp_path / 'data', orientation, stored, labelled)
    findings, raised = preflight(detection(root), tmp_path, 'bbox_head')
    assert raised is None
    words = '2 of 4 images are rotated or flipped'
    lines = [line for line in messages(findings) if words in line]
    assert len(lines) == 1 and 'mogrify' in lines[0]
    found = checked(capsys, 'coco-format', root)
    assert any(words in f and f.startswith('problem') for f in found)


def test_labels_of_the_stored_photo_are_refused(tmp_path, capsys):
    root = boxes(tmp_path / 'data', 6, WIDE)
    _, raised = preflight(detection(root), tmp_path, 'bbox_head')
    assert '2 of 4 images are rotated by 90 degrees' in str(raised)
    # Without the orientation the images match their labels.
    config = detection(root)
    for loader in (config.train_dataloader, config.val_dataloader):
        loader.dataset.pipeline[0].color_type = 'color_ignore_orientation'
    _, raised = preflight(config, tmp_path, 'bbox_head')
    assert raised is None
    found = checked(capsys, 'coco-format', root)
    assert any('rotated by 90 degrees' in line for line in found)


def test_another_size_is_refused(tmp_path, capsys):
    root = coco_set(tmp_path / 'data')
    turned(root / 'train' / '0.jpg', 1, (50, 24))
    _, raised = preflight(detection(root), tmp_path, 'bbox_head')
    assert '50 x 24 px' in str(raised) and '48 x 24 px' in str(raised)
    found = checked(capsys, 'coco-format', root)
    assert any('50 x 24 px' in line for line in found)


@pytest.mark.parametrize('orientation', [3, 6])
def test_masks_of_turned_photos(tmp_path, capsys, orientation):
    root = segmentation_set(tmp_path / 'data')
    turned(root / 'images' / 'train' / '0.jpg', orientation, SQUARE)
    findings, raised = preflight(segmentation(root), tmp_path, 'decode_head')
    assert raised is None
    words = '1 of 3 images is rotated or flipped'
    assert any(words in line for line in messages(findings)), messages(
        findings
    )
    found = checked(capsys, 'segmentation', root)
    assert any(words in line for line in found)


def test_the_documented_fixes(tmp_path, capsys):
    """Either fix removes the finding: upright pixels, or no orientation."""
    root = boxes(tmp_path / 'data', 3, WIDE)
    first, second = (root / 'train' / f'{k}.jpg' for k in range(2))
    with Image.open(first) as image:
        before = np.asarray(image)
    with Image.open(first) as image:
        ImageOps.exif_transpose(image).save(first, quality=95)
    with Image.open(second) as image:
        exif = image.getexif()
        del exif[0x0112]
        image.save(second, exif=exif, quality='keep')
    assert before.shape == np.asarray(Image.open(first)).shape
    findings, raised = preflight(detection(root), tmp_path, 'bbox_head')
    assert raised is None and messages(findings) == []
    assert checked(capsys, 'coco-format', root) == []
