import numpy as np
import pytest
import torch
from mmengine.dataset import default_collate
from mmpretrain.datasets import PackInputs

from mixmae.datasets.transforms import PackImage
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


def test_batches_say_which_are_to_be_mirrored():
    step = PackImage(meta_keys=())
    batch = default_collate([step(results(mirror=m)) for m in (True, False)])
    assert batch['inputs'].shape == (2, 3, 6, 9)
    assert batch['mirror'].dtype == torch.bool
    assert batch['mirror'].tolist() == [True, False]


@pytest.mark.parametrize(
    'image', [IMAGE[..., 0], IMAGE[..., :2], IMAGE.astype(np.float32)]
)
def test_other_arrays_are_refused(image):
    with pytest.raises(ValueError, match=r'uint8 \(H, W, 3\).*a/b.jpg'):
        PackImage()(dict(results(), img=image))


def test_registered():
    step = TRANSFORMS.build(dict(type='PackImage', meta_keys=['img_path']))
    assert repr(step) == "PackImage(meta_keys=('img_path',))"
