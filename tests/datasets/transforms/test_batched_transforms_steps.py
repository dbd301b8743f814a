"""Seeding, flipping and packing of single samples."""

import copy
import pickle
import random

import cv2
import numpy as np
import pytest
import torch
from mmcv.transforms import RandomFlip
from mmengine.dataset import ConcatDataset, RepeatDataset
from mmpretrain.datasets import PackInputs

from mixmae.datasets.samplers.resumable_samplers import (
    SampleIndex,
    seed_generators,
)
from mixmae.datasets.transforms import DrawFlip, PackImage
from mixmae.datasets.transforms.batched_transforms import SeedSample
from mixmae.datasets.unlabeled_image_folder import UnlabeledImageFolder
from mixmae.registry import TRANSFORMS

IMAGE = np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8)


def drawn(index) -> tuple:
    found = SeedSample()({'sample_idx': index})
    assert type(found['sample_idx']) is int
    return random.random(), np.random.random(), torch.rand(1).item()


def test_depends_on_seed_epoch_and_sample_only():
    first = drawn(SampleIndex(3, 7, 2))
    random.random(), np.random.random(), torch.rand(9)
    assert drawn(SampleIndex(3, 7, 2)) == first
    others = [SampleIndex(4, 7, 2), SampleIndex(3, 8, 2), SampleIndex(3, 7, 1)]
    for other in others:
        assert not set(drawn(other)) & set(first)


def test_the_index_travels_to_workers_as_it_is():
    index = pickle.loads(pickle.dumps(SampleIndex(3, 7, 2)))
    assert (index, index.seed, index.epoch) == (3, 7, 2)
    moved = index.at(5)
    assert (moved, moved.seed, moved.epoch) == (5, 7, 2)


def test_wrappers_of_data_sets(tmp_path):
    """Each sample of joined or repeated sets has draws of its own."""
    for name in 'abc':
        cv2.imwrite(str(tmp_path / f'{name}.png'), IMAGE)
    one = UnlabeledImageFolder(
        str(tmp_path),
        pipeline=[dict(type='mixmae.SeedSample'), Draws()],
    )
    both = ConcatDataset([one, copy.deepcopy(one)])
    for data in (both, RepeatDataset(one, times=2)):
        found = [data[SampleIndex(i, 7, 2)]['drawn'] for i in range(6)]
        assert found == [drawn(SampleIndex(i, 7, 2)) for i in range(6)]
    index = pickle.loads(pickle.dumps(SampleIndex(5, 7, 2) % 3))
    assert (index, index.at(0) + index.offset) == (2, 3)


class Draws:
    def __call__(self, results: dict) -> dict:
        draws = random.random(), np.random.random(), torch.rand(1).item()
        return {**results, 'drawn': draws}


def test_a_plain_index_is_refused():
    with pytest.raises(ValueError, match='sample_idx 3.*UpdateSampler'):
        SeedSample()({'sample_idx': 3})


def test_a_fallback_sample_is_seeded_by_the_same_epoch():
    transform = SeedSample()
    transform({'sample_idx': SampleIndex(3, 7, 2)})
    found = transform({'sample_idx': 5})
    assert found == {'sample_idx': 5}
    again = random.random(), np.random.random(), torch.rand(1).item()
    assert again == drawn(SampleIndex(5, 7, 2))


def test_random_streams_are_stable_across_versions():
    """Otherwise resumed runs would draw other crops after an upgrade."""
    seed_generators(1, 2, 3)
    drawn = random.getrandbits(32), np.random.randint(2**31)
    assert drawn == (762547018, 1990232836)
    assert torch.randint(2**31, ()).item() == 289350370


def test_random_streams_differ():
    first = []
    for step in range(200):
        seed_generators(0, 0, step)
        first.append((random.random(), np.random.random(), torch.rand(1)))
    numbers = np.array([[float(x) for x in row] for row in first])
    assert len(np.unique(numbers)) == numbers.size
    assert abs(np.corrcoef(numbers.T) - np.eye(3)).max() < 0.25
    assert abs(numbers.mean(0) - 0.5).max() < 0.1


@pytest.mark.parametrize('direction', ['horizontal', 'vertical'])
@pytest.mark.parametrize('prob', [0.0, 0.3, 0.5, 1.0])
def test_flips_as_mmcv_does(prob, direction):
    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    drawn = []
    for seed in range(50):
        np.random.seed(seed)
        theirs = RandomFlip(prob, direction)({'img': image})
        after = np.random.random()
        np.random.seed(seed)
        ours = DrawFlip(prob, direction)({'img': image})
        flips = ours[f'{direction[0]}flip']
        assert flips is theirs['flip']
        np.testing.assert_array_equal(ours['img'], theirs['img'])
        assert np.random.random() == after
        drawn.append(flips)
    assert abs(np.mean(drawn) - prob) < 0.2


def test_images_alone():
    with pytest.raises(ValueError, match='gt_bboxes.*mmcv.RandomFlip'):
        DrawFlip()({'img': np.zeros((2, 2, 3)), 'gt_bboxes': []})


def test_flips_before_an_image_is_loaded_are_refused():
    with pytest.raises(ValueError, match='after the transform that loads'):
        DrawFlip()({'img_path': 'a.jpg'})


@pytest.mark.parametrize('prob', [-0.1, 1.1, float('nan')])
def test_bad_probabilities(prob):
    with pytest.raises(ValueError, match='prob must be from 0 to 1'):
        DrawFlip(prob)


def test_unknown_directions():
    with pytest.raises(ValueError, match="'vertical'.*'diagonal'"):
        TRANSFORMS.build(dict(type='DrawFlip', direction='diagonal'))


def results(**more) -> dict:
    return dict(
        img=IMAGE, img_path='a/b.jpg', sample_idx=7, img_shape=(6, 9), **more
    )


@pytest.mark.parametrize('image', [IMAGE, IMAGE[:, ::-1], IMAGE[..., ::-1]])
def test_packs_as_mmpretrain_does(image):
    ours = PackImage()(dict(results(), img=image))
    theirs = PackInputs()(dict(results(), img=image))
    assert torch.equal(ours['inputs'], theirs['inputs'])
    assert ours['inputs'].is_contiguous()
    sample = ours['data_samples']
    assert (sample.img_path, sample.sample_idx) == ('a/b.jpg', 7)
    assert set(sample.metainfo_keys()) == {'img_path', 'sample_idx'}
    assert set(ours) == {'inputs', 'data_samples'}


def test_flipped_images_are_packed_flipped():
    whole = PackImage()(results())['inputs']
    flipped = PackImage()(DrawFlip(prob=1.0)(results()))
    assert torch.equal(flipped['inputs'], whole.flip(-1))
    assert set(flipped) == {'inputs', 'data_samples'}


@pytest.mark.parametrize('dtype', [np.uint8, np.float32])
@pytest.mark.parametrize('channels', [1, 2, 4, 12])
def test_any_channels_are_flipped_and_packed(channels, dtype):
    image = np.arange(6 * 9 * channels).reshape(6, 9, channels).astype(dtype)
    packed = PackImage()(DrawFlip(prob=1.0)(dict(results(), img=image)))
    expected = torch.from_numpy(image).permute(2, 0, 1).flip(-1)
    assert torch.equal(packed['inputs'], expected)


@pytest.mark.parametrize('image', [IMAGE[..., 0], IMAGE.astype(np.float64)])
def test_other_arrays_are_refused(image):
    with pytest.raises(ValueError, match='uint8 or float32.*a/b.jpg'):
        PackImage()(dict(results(), img=image))


def test_packing_is_registered():
    step = TRANSFORMS.build(dict(type='PackImage', meta_keys=['img_path']))
    assert repr(step) == "PackImage(meta_keys=('img_path',))"
