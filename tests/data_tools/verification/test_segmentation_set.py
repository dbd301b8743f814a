"""Verification of ADE20K's layout, one fault at a time."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from mixmae.data_tools.verification.inspection import Opening
from mixmae.data_tools.verification.verifier import verify
from mixmae.datasets.labels.label_maps import LabelMapValues


@pytest.fixture
def label_map(scenes):
    return scenes / 'ade' / 'annotations' / 'validation' / '000003.png'


def save(path, array):
    Image.fromarray(array).save(path)


def test_valid_scenes(scenes, look):
    assert look('segmentation', scenes / 'ade') == []


def test_values_out_of_range(scenes, look, label_map):
    labels = np.asarray(Image.open(label_map)).copy()
    labels[0, :3] = 11
    labels[0, 3] = 255
    save(label_map, labels)
    problems = look('segmentation', scenes / 'ade')
    assert len(problems) == 1
    assert f'{label_map}: has value 11 in 3 pixels' in problems[0]
    assert 'allowed are 0 to 10 and 255' in problems[0]


def test_palette_images_hold_labels_too(scenes, look, label_map):
    image = Image.fromarray(np.full((16, 16), 12, np.uint8))
    image.putpalette([5] * 768)
    image.save(label_map)
    assert image.mode == 'P'
    problems = look('segmentation', scenes / 'ade')
    assert 'has value 12 in 256 pixels' in problems[0]


def test_another_size(scenes, look, label_map):
    save(label_map, np.zeros((8, 16), np.uint8))
    problems = look('segmentation', scenes / 'ade')
    assert len(problems) == 1
    assert 'images/validation/000003.png has 16 x 16 px' in problems[0]
    assert 'but its labels are for 16 x 8 px' in problems[0]


@pytest.mark.parametrize(
    'array',
    [np.zeros((16, 16, 3), np.uint8), np.zeros((16, 16), np.uint16)],
)
def test_colours_and_16_bits_are_no_labels(scenes, look, label_map, array):
    save(label_map, array)
    problems = look('segmentation', scenes / 'ade')
    assert len(problems) == 1
    assert str(label_map) in problems[0] and 'mode' in problems[0]


def test_corrupt_files(scenes, look, label_map):
    label_map.write_bytes(label_map.read_bytes()[:40])
    picture = scenes / 'ade' / 'images' / 'validation' / '000004.png'
    picture.unlink()
    picture.write_bytes(b'')
    problems = '\n'.join(look('segmentation', scenes / 'ade'))
    assert str(label_map) in problems and str(picture) in problems


def test_missing_files(scenes, look, label_map):
    label_map.unlink()
    other = scenes / 'ade' / 'images' / 'training' / '000005.png'
    other.unlink()
    problems = look('segmentation', scenes / 'ade')
    assert len(problems) == 2
    assert 'training/000005.png: has no image' in problems[0]
    assert 'validation/000003.png: has no label map' in problems[1]


def test_missing_folders(scenes, look):
    root = scenes / 'ade'
    shutil.rmtree(root / 'annotations' / 'training')
    problems = look('segmentation', root)
    assert len(problems) == 1
    assert 'annotations/training: no such folder' in problems[0]
    shutil.rmtree(root / 'images')
    assert 'expected are' in look('segmentation', root)[0]
    # The archive has a folder of its own.
    (root / 'ADEChallengeData2016' / 'images').mkdir(parents=True)
    problems = look('ade20k', root)
    assert f'did you mean {root}/ADEChallengeData2016?' in problems[0]


def test_ade20k_is_counted(scenes, look):
    root = scenes / 'ade'
    assert look('ade20k', root, subset=True) == []
    problems = look('ade20k', root)
    assert len(problems) == 2
    assert '12 images, 20,198 fewer than the 20,210' in problems[0]
    assert 'validation: 12 images, 1,988 fewer than' in problems[1]


def test_ade20k_has_150_classes(scenes, look, label_map):
    save(label_map, np.full((16, 16), 150, np.uint8))
    assert look('ade20k', scenes / 'ade', subset=True) == []
    save(label_map, np.full((16, 16), 151, np.uint8))
    problems = look('ade20k', scenes / 'ade', subset=True)
    assert 'has value 151' in problems[0] and '0 to 150' in problems[0]


def test_classes_of_a_text_file(scenes, look):
    """In CamVid's format, line k names value k."""
    root = scenes / 'ade'
    (root / 'classes.json').unlink()
    (root / 'classes.txt').write_text('\n'.join('abcdefghijk') + '\n')
    assert look('segmentation', root) == []
    (root / 'classes.txt').write_text('\n'.join('abcdef') + '\n')
    assert 'allowed are 0 to 5' in look('segmentation', root)[0]


def test_given_values_come_first(scenes, look):
    root = scenes / 'ade'
    problems = look('segmentation', root, values=LabelMapValues(5, True))
    assert 'allowed are 0 to 5' in problems[0]
    problems = look('segmentation', root, values=LabelMapValues(5, False, 10))
    assert not any(' 10 in' in problem for problem in problems)


def test_without_classes_any_label_passes(scenes):
    (scenes / 'ade' / 'classes.json').unlink()
    check = verify('segmentation', scenes / 'ade', Opening('all'))
    assert check.problems == []
    assert 'labels are not checked' in check.notes[0]
    assert any('0 to 10' in fact for fact in check.facts)


@pytest.mark.parametrize('text', ['{', '[]', json.dumps({'classes': 3})])
def test_bad_list_of_classes(scenes, look, text):
    (scenes / 'ade' / 'classes.json').write_text(text)
    with pytest.raises(
        ValueError, match='classes.json: not a list of classes'
    ):
        look('segmentation', scenes / 'ade')


def test_bad_number_of_classes():
    with pytest.raises(ValueError, match='1 to 256, got 0'):
        LabelMapValues(0)


@pytest.mark.parametrize('value', [-1, -5, 256, 999_999, 2.0, True])
def test_bad_ignored_value(value):
    with pytest.raises(ValueError, match='ignore_index must be .* 0 to 255'):
        LabelMapValues(3, False, value)
