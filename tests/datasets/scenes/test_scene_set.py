"""Folders of scenes in three layouts, written completely or not at all."""

import json

import cv2
import numpy as np
import pytest

from mixmae.datasets.scenes import CLASSES, scene_set
from mixmae.datasets.scenes.renderer import SceneRenderer
from mixmae.datasets.scenes.scene_set import SceneSet, SceneSplit

SMALL = SceneSet(size=32, train=20, val=10)


@pytest.fixture(scope='module')
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp('data') / 'scenes'
    assert SMALL.write(folder)
    return folder


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob('*')
        if path.is_file()
    }


def test_equal_settings_give_equal_bytes(written, tmp_path):
    assert SMALL.write(tmp_path / 'again')
    assert contents(tmp_path / 'again') == contents(written)


def test_layouts_share_their_pictures(written):
    scene = SceneRenderer(32, seed=0, split='val').render(3)
    paths = [
        written / 'imagenet' / 'val' / scene.name / '000003.png',
        written / 'coco' / 'val' / '000003.png',
        written / 'ade' / 'images' / 'validation' / '000003.png',
    ]
    for path in paths:
        picture = cv2.imread(str(path))[..., ::-1]
        assert (picture == scene.image).all()
    assert len({path.stat().st_ino for path in paths}) == 1


def test_label_maps(written):
    folder = written / 'ade' / 'annotations'
    scene = SceneRenderer(32, seed=0, split='train').render(5)
    path = folder / 'training' / '000005.png'
    labels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert labels.ndim == 2
    assert (labels == scene.label_map()).all()
    assert len(list((folder / 'validation').iterdir())) == 10
    names = json.loads((written / 'ade' / 'classes.json').read_text())
    assert names['classes'] == list(CLASSES)
    assert len(names['palette_with_background']) == 11


@pytest.mark.parametrize('split, count', [('train', 20), ('val', 10)])
def test_coco_annotations(written, split, count):
    path = written / 'coco' / 'annotations' / f'instances_{split}.json'
    content = json.loads(path.read_text())
    assert [x['name'] for x in content['categories']] == list(CLASSES)
    assert len(content['images']) == count
    for image in content['images']:
        assert (written / 'coco' / split / image['file_name']).is_file()
        assert (image['height'], image['width']) == (32, 32)
    ids = [x['id'] for x in content['annotations']]
    assert ids == list(range(1, len(ids) + 1))
    image_ids = {x['id'] for x in content['images']}
    for annotation in content['annotations']:
        assert annotation['image_id'] in image_ids
        assert 1 <= annotation['category_id'] <= 10
        x, y, width, height = annotation['bbox']
        assert 0 <= x < x + width <= 32 and 0 <= y < y + height <= 32
        assert 0 < annotation['area'] <= width * height
        segmentation = annotation['segmentation']
        if isinstance(segmentation, dict):
            assert segmentation['size'] == [32, 32]
            assert sum(segmentation['counts'][1::2]) == annotation['area']
        else:
            assert annotation['iscrowd'] == 0
            (outline,) = segmentation
            assert len(outline) % 2 == 0 and len(outline) >= 8


def test_pycocotools_reads_the_annotations(written):
    api = pytest.importorskip('pycocotools.coco')
    path = written / 'coco' / 'annotations' / 'instances_train.json'
    coco = api.COCO(str(path))
    renderer = SceneRenderer(32, seed=0)
    for index in range(20):
        found = coco.loadAnns(coco.getAnnIds(imgIds=index + 1))
        expected = renderer.render(index).instances
        assert len(found) == len(expected)
        for annotation, instance in zip(found, expected):
            assert (coco.annToMask(annotation) == instance.mask).all()


def test_mmpretrain_reads_the_folders(written):
    datasets = pytest.importorskip('mmpretrain.datasets')
    dataset = datasets.CustomDataset(
        data_root=str(written / 'imagenet'), data_prefix='train'
    )
    assert tuple(dataset.CLASSES) == CLASSES
    assert len(dataset) == 20
    labels = [dataset.get_gt_labels()[i] for i in range(20)]
    assert np.bincount(labels).tolist() == [2] * 10


def test_a_second_call_does_nothing(written):
    before = (written / 'scenes.json').stat().st_mtime_ns
    assert not SMALL.write(written)
    assert (written / 'scenes.json').stat().st_mtime_ns == before


def test_a_missing_file_is_noticed_and_fixed(tmp_path):
    one = SceneSet(size=16, train=2, val=0, formats=['imagenet'])
    one.write(tmp_path / 'scenes')
    next((tmp_path / 'scenes').rglob('*.png')).unlink()
    assert one.write(tmp_path / 'scenes')
    assert len(list((tmp_path / 'scenes').rglob('*.png'))) == 2


@pytest.mark.parametrize(
    'other', [dict(train=3), dict(size=17), dict(seed=1), dict(val=1)]
)
def test_other_settings_replace_the_files_on_demand(tmp_path, other):
    SceneSet(size=16, train=2, val=0).write(tmp_path)
    before = contents(tmp_path)
    settings = dict(size=16, train=2, val=0, formats=('coco',)) | other
    new = SceneSet(**settings)
    with pytest.raises(ValueError, match='--overwrite') as error:
        new.write(tmp_path)
    name, value = next(iter(other.items()))
    assert name in str(error.value) and f'(now {value})' in str(error.value)
    assert contents(tmp_path) == before
    assert new.write(tmp_path, overwrite=True)
    assert not (tmp_path / 'ade').exists()


def test_a_layout_is_added_to_others(tmp_path):
    SceneSet(size=16, train=2, val=0, formats=('coco',)).write(tmp_path)
    before = contents(tmp_path)
    added = SceneSet(size=16, train=2, val=0, formats=('ade',))
    assert added.write(tmp_path)
    after = contents(tmp_path)
    before.pop('scenes.json')
    assert {name: after[name] for name in before} == before
    assert (tmp_path / 'ade').is_dir()
    assert not added.write(tmp_path)


def test_foreign_folders_are_left_alone(tmp_path):
    (tmp_path / 'precious.txt').write_text('mine')
    with pytest.raises(ValueError, match='not empty'):
        SMALL.write(tmp_path)
    with pytest.raises(ValueError, match='is a file'):
        SMALL.write(tmp_path / 'precious.txt')
    assert contents(tmp_path) == {'precious.txt': b'mine'}


def test_an_interrupted_run_leaves_no_files(tmp_path):
    def cut_off(done, total):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        SceneSet(size=16, train=5, val=5).write(tmp_path / 'x', cut_off)
    assert list(tmp_path.iterdir()) == []


def test_files_are_copied_where_links_are_not_supported(tmp_path, monkeypatch):
    def refuse(source, target):
        raise OSError('no links here')

    monkeypatch.setattr(scene_set.os, 'link', refuse)
    SceneSet(size=16, train=2, val=0).write(tmp_path / 'scenes')
    assert len(list((tmp_path / 'scenes').rglob('*.png'))) == 2 * 3 + 2


@pytest.mark.parametrize(
    'arguments, message',
    [
        (dict(size=4), 'at least 16'),
        (dict(train=-1), 'train and val'),
        (dict(train=0, val=0), 'not both 0'),
        (dict(formats=['voc']), 'got voc'),
        (dict(formats=[]), 'got none'),
    ],
)
def test_bad_settings(arguments, message):
    with pytest.raises(ValueError, match=message):
        SceneSet(**arguments)


def test_images_have_their_labels(tmp_path):
    SceneSet(size=32, train=12, val=11).write(tmp_path)
    renderer = SceneRenderer(32, 0, 'val')
    split = SceneSplit(tmp_path, 'val', dense=5)
    assert split.images.shape == (11, 3, 32, 32)
    assert split.pixel_labels.shape == (5, 16, 16)
    for i in (0, 4, 10):
        scene = renderer.render(i)
        pixels = split.images[i].flip(0).permute(1, 2, 0).numpy()
        assert (pixels == scene.image).all()
        assert split.labels[i] == scene.label
    labels = renderer.render(4).label_map()[::2, ::2]
    assert (split.pixel_labels[4].numpy() == labels).all()
