"""Batched transforms give the same samples as single calls."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from PIL import Image
from torch.utils.data import DataLoader

from mixmae.datasets import PackedImages, UnlabeledImageFolder
from mixmae.datasets.corrupt.corrupt_image_error import CorruptImageError
from mixmae.datasets.image_set import ImageSet
from mixmae.datasets.samplers.resumable_samplers import SampleIndex
from mixmae.datasets.transforms import load_random_resized_crop as crops
from mixmae.datasets.transforms.batched_transforms import (
    TOGETHER,
    BatchedPipeline,
    Stages,
)
from mixmae.datasets.transforms.load_random_resized_crop import (
    LoadRandomResizedCrop,
)
from tests.datasets.packed_pictures import pack_pictures
from tests.datasets.photographs import photograph, turned, write_jpeg

CROP = dict(type='LoadRandomResizedCrop', scale=32)
PIPELINE = [
    dict(type='SeedSample'),
    CROP,
    dict(type='DrawFlip'),
    dict(type='DrawFlip', direction='vertical'),
    dict(type='PackImage'),
]
# Of what is not a usual JPEG, or is broken, one is in the first group and one
# in the last.
BROKEN = (5, TOGETHER + 3)
COUNT = TOGETHER + 8


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Write images of many kinds, more than one batch."""
    folder = tmp_path_factory.mktemp('pictures')
    kinds = [
        {},
        dict(mode='L'),
        dict(mode='CMYK'),
        dict(progressive=True),
        dict(exif=turned(6)),
        dict(subsampling=2),
    ]
    whole = photograph(300, 420)
    for index in range(COUNT):
        path = folder / f'{index:02d}.jpg'
        # One is large enough to be decoded to scale.
        sides = (300, 420) if index == 9 else (60 + index, 80)
        picture = whole[: sides[0], : sides[1]]
        if index in (3, COUNT - 1):
            Image.fromarray(picture).save(path, 'PNG')
        else:
            write_jpeg(path, picture, **kinds[index % len(kinds)])
    for index in BROKEN:
        path = folder / f'{index:02d}.jpg'
        path.write_bytes(path.read_bytes()[:-400])
    return folder


def indices(seed: int = 0) -> list[SampleIndex]:
    order = np.random.default_rng(seed).permutation(COUNT).tolist()
    return [SampleIndex(i, seed, i % 3) for i in order]


def flat(sample: dict) -> tuple:
    about = sample['data_samples']
    pixels = sample['inputs'].numpy().tobytes()
    return about.sample_idx, about.img_path, pixels


@pytest.mark.parametrize('crop', [{}, dict(exact=True), dict(scale=16)])
def test_batches_equal_single_samples(folder, crop):
    pipeline = [PIPELINE[0], CROP | crop, *PIPELINE[2:]]
    together, single = (
        UnlabeledImageFolder(str(folder), pipeline=pipeline) for _ in range(2)
    )
    for seed in range(2):
        wanted = [flat(single[index]) for index in indices(seed)]
        found = together.__getitems__(indices(seed))
        assert [flat(sample) for sample in found] == wanted
        numbers = [sample[0] for sample in wanted]
        others = set(range(COUNT)) - set(BROKEN)
        assert set(numbers) == others and len(numbers) == COUNT
    assert together.corrupt_files.found() == dict.fromkeys(BROKEN, 'truncated')


def test_batches_from_shards_equal_single_samples(folder, tmp_path):
    pack_pictures(folder, tmp_path / 'shards')
    dataset = PackedImages(str(tmp_path / 'shards'), pipeline=PIPELINE)
    asked = [SampleIndex(i, 1, 0) for i in range(len(dataset))]
    wanted = [flat(dataset[index]) for index in asked]
    assert [flat(one) for one in dataset.__getitems__(asked)] == wanted


def test_loaders_ask_for_batches(folder, monkeypatch):
    """Loaders return samples of the batched stages."""
    dataset = UnlabeledImageFolder(str(folder), pipeline=PIPELINE)
    run, asked = BatchedPipeline.run, []

    def spy(self, indices, read):
        asked.append(len(indices))
        return run(self, indices, read)

    monkeypatch.setattr(BatchedPipeline, 'run', spy)
    sampler = [indices()[:7], indices()[7:9]]
    loader = DataLoader(dataset, batch_sampler=sampler, collate_fn=list)
    assert [len(batch) for batch in loader] == [7, 2] == asked


def test_known_corrupt_files_are_not_read_again(folder, monkeypatch):
    dataset = UnlabeledImageFolder(str(folder), pipeline=PIPELINE)
    dataset.__getitems__(indices())
    read, asked = ImageSet.read_sample, []

    def spy(self, index):
        asked.append(int(index))
        return read(self, index)

    monkeypatch.setattr(ImageSet, 'read_sample', spy)
    dataset.__getitems__(indices())
    assert len(asked) == COUNT and not set(asked) & set(BROKEN)


def test_indices_from_the_end_and_beyond(folder):
    dataset = UnlabeledImageFolder(str(folder), pipeline=PIPELINE)
    asked = [SampleIndex(-2, 0, 0), SampleIndex(0, 0, 0)]
    found = [flat(one) for one in dataset.__getitems__(asked)]
    assert found == [flat(dataset[index]) for index in asked]
    assert found[0][0] == COUNT - 2
    with pytest.raises(IndexError):
        dataset.__getitems__([SampleIndex(COUNT, 0, 0)])
    assert dataset.__getitems__([]) == []


@pytest.mark.parametrize(
    'steps',
    [
        [*PIPELINE[1:]],
        [PIPELINE[1], PIPELINE[0], *PIPELINE[2:]],
        [*PIPELINE[:3], dict(type='mmpretrain.ColorJitter'), PIPELINE[3]],
        [dict(type='LoadImage')],
        [],
    ],
)
def test_other_pipelines_run_one_sample_at_a_time(folder, steps, monkeypatch):
    """Seeds are set per sample; no other transform may draw in between."""
    dataset = UnlabeledImageFolder(str(folder), pipeline=steps)
    assert BatchedPipeline.of(dataset.pipeline.transforms) is None
    asked: list[int] = []
    monkeypatch.setattr(
        ImageSet, '__getitem__', lambda _, index: asked.append(index)
    )
    dataset.__getitems__([2, 0, 1])
    assert asked == [2, 0, 1]


class GreyCrop(LoadRandomResizedCrop):
    """Subclass without stages of its own."""

    def __call__(self, results):
        results = super().__call__(results)
        results['img'][:] = 127
        return results


class GreyImages(UnlabeledImageFolder):
    """Subclass without stages of its own."""

    def prepare_data(self, idx):
        data = super().prepare_data(idx)
        data['inputs'][:] = 127
        return data


@pytest.mark.parametrize(
    ('kind', 'crop'),
    [(UnlabeledImageFolder, GreyCrop), (GreyImages, LoadRandomResizedCrop)],
)
def test_subclasses_are_called(folder, kind, crop):
    steps = [PIPELINE[0], crop(32), *PIPELINE[2:]]
    dataset = kind(str(folder), pipeline=steps)
    [sample] = dataset.__getitems__([SampleIndex(0, 0, 0)])
    assert (sample['inputs'] == 127).all()


def test_large_images_are_resized_first(folder, monkeypatch):
    """They are resized before others are decoded, to save memory."""
    dataset = UnlabeledImageFolder(str(folder), pipeline=PIPELINE)
    wanted = [flat(one) for one in dataset.__getitems__(indices())]
    monkeypatch.setattr(crops, 'LARGE', 8000)
    found = [flat(one) for one in dataset.__getitems__(indices())]
    assert found == wanted
    crop, waiting = LoadRandomResizedCrop(32), []
    read, draw, decode, *_ = crop.stages()
    for index in set(range(COUNT)) - set(BROKEN):
        results = {'img_path': folder / f'{index:02d}.jpg'}
        results = decode(draw(read(results)))
        assert ('img' in results) != ('decoded' in results)
        waiting.append('decoded' in results)
        if waiting[-1]:
            assert results['decoded'].pixels.nbytes <= crops.LARGE
    assert len(set(waiting)) == 2


class Noted:
    """Transform that records its calls."""

    def __init__(self, notes: list, fails: int = -1) -> None:
        self.notes, self.fails = notes, fails

    def stages(self):
        def stage(name):
            def step(sample):
                self.notes.append((name, sample))
                if name == 'b' and sample == self.fails:
                    raise CorruptImageError('x', 'damaged')
                return sample

            return step

        return Stages(read=stage('a'), decode=stage('b'))


def test_stages_run_one_after_the_other():
    notes: list = []
    pipeline = BatchedPipeline([Noted(notes, 2)])
    count = TOGETHER + 2
    found = pipeline.run(range(count), lambda i: None if i == 1 else i)
    assert found == [None if i in (1, 2) else i for i in range(count)]
    # A whole group before the next.
    groups = [range(TOGETHER), range(TOGETHER, count)]
    wanted = [(stage, i) for group in groups for stage in 'ab' for i in group]
    assert notes == [note for note in wanted if note[1] != 1]


def test_other_errors_are_raised():
    def read(index):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        BatchedPipeline([Noted([])]).run([0], read)


def test_data_sets_can_be_pickled(folder):
    """Spawned workers get a copy, which handles corrupt files too."""
    copy = pickle.loads(
        pickle.dumps(UnlabeledImageFolder(str(folder), pipeline=PIPELINE))
    )
    found = copy.__getitems__(indices())
    assert sorted(copy.corrupt_files.found()) == sorted(BROKEN)
    assert all(copy.corrupt_files.knows(index) for index in BROKEN)
    again = pickle.loads(pickle.dumps(copy))
    assert all(again.corrupt_files.knows(index) for index in BROKEN)
    other = again.__getitems__(indices())
    assert [flat(one) for one in other] == [flat(one) for one in found]
