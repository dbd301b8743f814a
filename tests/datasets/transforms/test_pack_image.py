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


@pytest.mark.parametrize(
    'image', [IMAGE[..., 0], IMAGE[..., :2], IMAGE.astype(np.float32)]
)
def test_other_arrays_are_refused(image):
    with pytest.raises(ValueError, match=r'uint8 \(H, W, 3\).*a/b.jpg'):
        PackImage()(dict(results(), img=image))


def test_registered():
    step = TRANSFORMS.build(dict(type='PackImage', meta_keys=['img_path']))
    assert repr(step) == "PackImage(meta_keys=('img_path',))"
