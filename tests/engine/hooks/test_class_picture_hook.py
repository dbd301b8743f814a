from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.structures import BaseDataElement
from torch import nn

from mixmae.engine.hooks import ClassPictureHook


class Visualizer:
    """Visualizer that records its inputs."""

    def __init__(self) -> None:
        self.calls: list[tuple] = []

    def visualize_cls(self, image, sample, resize, out_file) -> None:
        self.calls.append((image, sample, resize, out_file))


def runner(to_rgb: bool) -> SimpleNamespace:
    model = nn.Identity()
    model.data_preprocessor = SimpleNamespace(to_rgb=to_rgb)
    return SimpleNamespace(model=model, visualizer=Visualizer())


@pytest.mark.parametrize('to_rgb', [False, True])
def test_images_are_rgb_and_have_unique_names(to_rgb, tmp_path):
    hook = ClassPictureHook(str(tmp_path / 'shown'), short_side=99)
    test = runner(to_rgb)
    images = torch.arange(2 * 3 * 4 * 5, dtype=torch.uint8).view(2, 3, 4, 5)
    samples = [
        BaseDataElement(metainfo={'img_path': f'/{folder}/0001.JPEG'})
        for folder in ('n01', 'n02')
    ]
    hook.before_test_epoch(test)
    hook.after_test_iter(test, 0, {'inputs': images}, samples)
    hook.after_test_iter(test, 1, {'inputs': [images[0]]}, samples[:1])
    calls = test.visualizer.calls
    names = [f'{i:06d}_0001.png' for i in range(3)]
    assert [call[3] for call in calls] == [
        str(tmp_path / 'shown' / name) for name in names
    ]
    order = [2, 1, 0] if to_rgb else [0, 1, 2]
    expected = images[1].permute(1, 2, 0).numpy()[..., order]
    np.testing.assert_array_equal(calls[1][0], expected)
    assert calls[1][1] is samples[1] and calls[1][2] == 99
    assert (tmp_path / 'shown').is_dir()


def test_images_have_a_minimum_size():
    with pytest.raises(ValueError, match='short_side must be at least 1'):
        ClassPictureHook('shown', short_side=0)
