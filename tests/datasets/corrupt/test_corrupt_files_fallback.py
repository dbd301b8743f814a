"""Corrupt images in data sets of other libraries."""

import random

import pytest
from mmengine.dataset import BaseDataset
from PIL import Image

from mixmae.datasets import UnlabeledImageFolder
from mixmae.datasets.corrupt.corrupt_files import use_fallback_samples
from mixmae.datasets.corrupt.corrupt_image_error import CorruptImageError
from mixmae.datasets.listed_paths import image_sets
from mixmae.datasets.samplers.resumable_samplers import SampleIndex
from mixmae.registry import DATASETS, TRANSFORMS

COUNT = 20


@TRANSFORMS.register_module(force=True)
class DrawOnce:
    """Transform that draws a random number, as augmentations do."""

    def __call__(self, results):
        return dict(results, drawn=random.random())


@DATASETS.register_module(force=True)
class LabelledPictures(BaseDataset):
    """Data set whose labels are grey value and index."""

    def load_data_list(self):
        return [
            dict(img_path=f'{self.data_root}/{index:02d}.png', label=index)
            for index in range(COUNT)
        ]


@pytest.fixture
def folder(tmp_path):
    for index in range(COUNT):
        Image.new('L', (4, 4), index).save(tmp_path / f'{index:02d}.png')
    for index in (3, 4, 9):
        (tmp_path / f'{index:02d}.png').write_bytes(b'')
    return tmp_path


def build(folder, **kwargs):
    steps = ('SeedSample', 'LoadImage', 'DrawOnce')
    return DATASETS.build(
        dict(
            type='LabelledPictures',
            data_root=str(folder),
            pipeline=[dict(type=f'mixmae.{step}') for step in steps],
            **kwargs,
        )
    )


def drawn(dataset, order, epoch=0):
    """Return the sample of each index, drawn in this order."""
    found = {}
    for index in order:
        results = dataset[SampleIndex(index, 11, epoch)]
        assert (results['img'] == results['label']).all()
        assert results['sample_idx'] == results['label']
        found[index] = (results['label'], results['drawn'])
    return found


def test_fallback_samples_have_their_label(folder):
    dataset = build(folder)
    with pytest.raises(CorruptImageError, match='03.png: empty'):
        dataset[SampleIndex(3)]
    broken = use_fallback_samples(dataset, 0.5)
    found = drawn(dataset, range(COUNT))
    moved = [i for i, (label, _) in found.items() if label != i]
    assert moved == [3, 4, 9] == list(broken.found())
    assert not {3, 4, 9} & {label for label, _ in found.values()}


def test_samples_depend_on_seed_epoch_and_index_only(folder):
    """A resumed run with another number of workers gets the same samples."""
    runs = []
    for order in (range(COUNT), reversed(range(COUNT)), [9, 4, 3]):
        dataset = build(folder)
        use_fallback_samples(dataset, 0.5)
        runs.append(drawn(dataset, order))
    assert runs[0] == runs[1]
    assert runs[2].items() <= runs[0].items()
    dataset = build(folder)
    use_fallback_samples(dataset, 0.5)
    later = drawn(dataset, range(COUNT), epoch=1)
    for index in (3, 4, 9):
        assert later[index][0] == runs[0][index][0]
        assert later[index][1] != runs[0][index][1]


def test_a_pipeline_is_wrapped_once(folder):
    dataset = build(folder)
    broken = use_fallback_samples(dataset, 0.5)
    assert use_fallback_samples(dataset, 0.5) is broken
    assert [type(t).__name__ for t in dataset.pipeline.transforms] == [
        'SeedSample',
        'LoadImage',
        'DrawOnce',
    ]
    own = UnlabeledImageFolder(
        str(folder), pipeline=[dict(type='LoadImage')], max_corrupt_ratio=0.2
    )
    assert use_fallback_samples(own, 0.5) is own.corrupt_files
    assert own.corrupt_files.max_ratio == 0.2


def test_data_sets_in_wrappers_are_found(folder):
    one, two = build(folder), build(folder)
    other = build(folder)
    other.pipeline.transforms = other.pipeline.transforms[:1]
    both = dict(type='ConcatDataset', datasets=[one, other, two])
    dataset = DATASETS.build(dict(type='RepeatDataset', dataset=both, times=2))
    found = dict(image_sets(dataset, 'train'))
    assert found == {'train.0': one, 'train.2': two}
    assert dict(image_sets(list(range(3)), 'train')) == {}
