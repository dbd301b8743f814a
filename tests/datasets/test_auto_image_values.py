"""Value range, mean and std that a config does not set."""

import numpy as np
import pytest
import torch
from mmengine.config import Config

from mixmae.config.option_values import open_values
from mixmae.datasets.auto_image_values import (
    leave_image_values_open,
    recorded_values,
    set_image_values,
)
from mixmae.engine.manifest.checkpoint_search import StartPoint
from mixmae.preflight.resumed_start import apply_start
from tests.datasets.picture_kinds import GREY, encoded, picture
from tests.datasets.tiff_files import tiff


def config(folder, channels=1, **backbone):
    load = dict(type='LoadImage', channels=channels, value_range='auto')
    loader = dict(
        dataset=dict(
            type='UnlabeledImageFolder',
            data_root=str(folder),
            pipeline=[load],
            listing_cache=False,
        )
    )
    return Config(
        dict(
            value_range='auto',
            model=dict(
                data_preprocessor=dict(mean='auto', std='auto'),
                backbone=dict(in_channels=channels, **backbone),
            ),
            train_dataloader=loader,
            val_dataloader=loader,
        )
    )


@pytest.fixture
def folder(tmp_path):
    """Write images of 12 bits in 16: one dark, one bright."""
    for i, top in enumerate((500, 4095)):
        values = picture(top, np.uint16)[..., 0]
        (tmp_path / f'{i}.tif').write_bytes(tiff(values, GREY))
    return tmp_path


def test_measured_values_reach_all_parts(folder):
    cfg = config(folder)
    lines = set_image_values(cfg)
    assert not any(open_values(cfg))
    low, high = cfg.value_range
    assert low == 0 and 4000 < high <= 4095
    steps = [
        cfg[f'{name}_dataloader'].dataset.pipeline[0]
        for name in ('train', 'val')
    ]
    assert all(list(step.value_range) == [low, high] for step in steps)
    preprocessor = cfg.model.data_preprocessor
    assert len(preprocessor.mean) == len(preprocessor.std) == 1
    assert '2 of 2 training images' in lines[-1]
    assert set_image_values(cfg) == []


def test_eight_bit_images_have_no_range(tmp_path):
    (tmp_path / 'a.png').write_bytes(encoded(picture(), 'PNG'))
    cfg = config(tmp_path, 3)
    set_image_values(cfg)
    assert cfg.value_range is None
    expected = picture().reshape(-1, 3).mean(0)
    np.testing.assert_allclose(
        cfg.model.data_preprocessor.mean, expected, atol=1e-3
    )


def test_values_of_a_checkpoint_take_precedence(folder, tmp_path):
    cfg = config(folder)
    set_image_values(cfg)
    cfg.value_range = (7, 77)
    for name in ('train', 'val'):
        cfg[f'{name}_dataloader'].dataset.pipeline[0].value_range = (7, 77)
    path = str(tmp_path / 'a.pth')
    meta = dict(cfg=cfg.pretty_text)
    torch.save(dict(state_dict={}, meta=meta), path)
    assert recorded_values(path, 1).value_range == (7, 77)
    assert recorded_values(path, 4) is None
    init = dict(type='Pretrained', checkpoint=path)
    for cfg, given in (
        (config(folder), [path]),
        (config(folder, init_cfg=init), []),
    ):
        lines = set_image_values(cfg, *given, measure=False)
        assert tuple(cfg.value_range) == (7, 77) and path in lines[-1]
    # Other channels are other images.
    with pytest.raises(ValueError, match="are 'auto'"):
        set_image_values(config(folder, 4), path, measure=False)


def test_a_resumed_run_keeps_its_values(folder):
    """Images that have changed since are not measured anew."""
    cfg = config(folder)
    set_image_values(cfg)
    before = tuple(cfg.value_range)
    path = str(folder / 'epoch_1.pth')
    torch.save(dict(state_dict={}, meta=dict(cfg=cfg.pretty_text)), path)
    (folder / '0.tif').write_bytes(
        tiff(picture(60000, np.uint16)[..., 0], GREY)
    )
    anew, resumed = config(folder), config(folder)
    set_image_values(anew)
    assert anew.value_range[1] > 2 * before[1]
    apply_start(resumed, StartPoint(path, 1, 1, None, None, 0))
    lines = set_image_values(resumed)
    assert tuple(resumed.value_range) == before and path in lines[-1]


def test_images_of_other_channels(folder):
    with pytest.raises(ValueError, match='in_channels=4 .2 unsupported'):
        set_image_values(config(folder, 4))


def test_a_model_without_images(folder):
    cfg = config(folder, 4)
    leave_image_values_open(cfg)
    assert not any(open_values(cfg)) and cfg.value_range is None
    assert cfg.model.data_preprocessor.mean == [1.0] * 4
