import numpy as np
import pytest
from mmcv.transforms import RandomFlip

from mixmae.datasets.transforms import DrawFlip
from mixmae.registry import TRANSFORMS


@pytest.mark.parametrize('prob', [0.0, 0.3, 0.5, 1.0])
def test_flips_as_mmcv_does(prob):
    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    drawn = []
    for seed in range(50):
        np.random.seed(seed)
        theirs = RandomFlip(prob=prob)({'img': image})
        after = np.random.random()
        np.random.seed(seed)
        ours = DrawFlip(prob=prob)({'img': image})
        assert ours['hflip'] is theirs['flip']
        np.testing.assert_array_equal(ours['img'], theirs['img'])
        assert np.random.random() == after
        drawn.append(ours['hflip'])
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


def test_registered():
    step = TRANSFORMS.build(dict(type='DrawFlip', prob=0.25))
    assert repr(step) == 'DrawFlip(prob=0.25)'
