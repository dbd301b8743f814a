import numpy as np
import pytest
import torch
from mmpretrain.datasets import PackInputs

from mixmae.datasets.transforms import DrawFlip, PackImage
from mixmae.registry import TRANSFORMS

IMAGE = np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8)


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


def test_registered():
    step = TRANSFORMS.build(dict(type='PackImage', meta_keys=['img_path']))
    assert repr(step) == "PackImage(meta_keys=('img_path',))"
