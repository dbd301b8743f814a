"""Verification requests, the embedded scenes, and image folders."""

import pytest

from mixmae.data_tools.verification.dataset_check import DatasetCheck
from mixmae.data_tools.verification.inspection import Opening
from mixmae.data_tools.verification.known_sets import KNOWN_SETS
from mixmae.datasets.labels.label_maps import LabelMapValues


def test_all_layouts_of_the_scenes(scenes, look):
    assert look('scenes', scenes) == []
    (scenes / 'ade' / 'images' / 'training' / '000000.png').unlink()
    problems = '\n'.join(look('scenes', scenes))
    # Twice 12 scenes: three pictures and a label map each; and four files
    # that list classes or objects.
    assert '99 files, but 100 were written' in problems
    assert 'training/000000.png: has no image' in problems


def test_a_folder_without_scenes(scenes, look):
    with pytest.raises(ValueError, match='make_scenes.py'):
        look('scenes', scenes / 'ade')
    (scenes / 'scenes.json').write_text('{"settings": 3}')
    with pytest.raises(ValueError, match='not a record of scenes'):
        look('scenes', scenes)


def test_folder_of_images(scenes, look, tmp_path):
    folder = scenes / 'imagenet' / 'train'
    assert look('image-folder', folder) == []
    (folder / 'fish' / 'a.jpg').write_bytes(b'?')
    problems = look('image-folder', folder)
    assert len(problems) == 1 and 'fish/a.jpg' in problems[0]
    (tmp_path / 'empty').mkdir()
    assert 'no images' in look('image-folder', tmp_path / 'empty')[0]


def test_bad_requests(look, tmp_path):
    with pytest.raises(ValueError, match="got 'voc'"):
        look('voc', tmp_path)
    with pytest.raises(ValueError, match='no such folder'):
        look('coco', tmp_path / 'gone')
    with pytest.raises(ValueError, match='segmentation only'):
        look('coco', tmp_path, values=LabelMapValues(3))
    with pytest.raises(ValueError, match='coco-format only'):
        look('coco', tmp_path, annotations=tmp_path, images=tmp_path)
    with pytest.raises(ValueError, match='both'):
        look('coco-format', tmp_path, images=tmp_path)


@pytest.mark.parametrize('known', KNOWN_SETS.values(), ids=list(KNOWN_SETS))
def test_published_figures_agree_with_themselves(known):
    for split, count in known.per_class.items():
        assert known.images[split] == count * known.classes


def test_problems_beyond_the_limit_are_counted():
    check = DatasetCheck(Opening(), limit=2)
    for number in range(5):
        check.problem('missing image', f'image {number}')
    check.problem('bad box', 'box\nof two lines')
    assert check.count == 6
    assert check.problems == [
        'image 0',
        'image 1',
        '... and 3 more of this kind: missing image',
        'box of two lines',
    ]
    with pytest.raises(ValueError, match='limit'):
        DatasetCheck(Opening(), limit=0)
