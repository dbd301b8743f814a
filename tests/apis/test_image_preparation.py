import numpy as np
import pytest
import torch
from mmengine.config import Config

from mixmae.apis.image_preparation import (
    CARRIED_BY,
    ImagePreparation,
    test_pipeline,
)
from mixmae.registry import DATASETS
from tests.apis.tiny_setup import (
    PIPELINE,
    photo,
    photo_folder,
    tiny_config,
)

# A function of the library, not a test.
test_pipeline.__test__ = False


def prepared(resize, image, cfg=None):
    cfg = tiny_config() if cfg is None else cfg
    return ImagePreparation(cfg, resize)(image, 0, 'a.png')


def test_pipeline_output_equals_the_data_sets(tmp_path):
    photo_folder(tmp_path)
    dataset = DATASETS.build(
        dict(
            type='UnlabeledImageFolder',
            data_root=str(tmp_path),
            pipeline=PIPELINE,
            listing_cache=None,
        )
    )
    prepare = ImagePreparation(tiny_config(), 'pipeline')
    for i in range(len(dataset)):
        item = dataset[i]
        path = item['data_samples'].img_path
        image = prepare(prepare.load(path), i, path)
        assert image.shape == (3, 32, 32)
        assert torch.equal(image, item['inputs'])


def test_reads_files_as_the_config_does():
    loader = dict(type='mixmae.LoadImage', draft_side=16)
    cfg = Config(
        dict(val_dataloader=dict(dataset=dict(pipeline=[loader])))
    )  # fmt: skip
    assert ImagePreparation(cfg, None).load.__self__.draft_side == 16


def test_a_step_that_fails_for_an_image_is_one_line():
    """A strip of which no row of pixels is left at the smaller size."""
    step = dict(type='Resize', scale=(64, 64), keep_ratio=True)
    cfg = Config(dict(test_dataloader=dict(dataset=dict(pipeline=[step]))))
    with pytest.raises(ValueError, match='Resize .*1000 x 5 pixels') as caught:
        prepared('pipeline', photo(5, 1000), cfg)
    assert '\n' not in str(caught.value)


def test_finds_the_pipeline_inside_wrappers():
    inner = dict(type='A', pipeline=[dict(type='LoadImage')])
    wrapped = dict(type='RepeatDataset', times=2, dataset=inner)
    cfg = Config(dict(test_dataloader=dict(dataset=wrapped)))
    assert test_pipeline(cfg) == [dict(type='LoadImage')]
    assert test_pipeline(Config(dict(test_dataloader=None))) == []


def test_images_are_resized_only_on_request():
    image = photo(37, 51)
    kept = prepared(None, image)
    assert np.array_equal(kept.permute(1, 2, 0).numpy(), image)


@pytest.mark.parametrize('size', [(37, 51), (90, 20), (32, 32)])
def test_sizes(size):
    image = photo(*size)
    assert prepared(32, image).shape == (3, 32, 32)
    assert prepared((24, 40), image).shape == (3, 24, 40)


def test_middle_square():
    image = np.zeros((20, 60, 3), np.uint8)
    image[:, 20:40] = 200
    assert (prepared(20, image) == 200).all()
    assert (prepared(20, image.transpose(1, 0, 2)) == 200).all()
    # The centre square is kept, for any rounding.
    assert prepared(7, np.zeros((20, 21, 3), np.uint8)).shape == (3, 7, 7)


@pytest.mark.parametrize('resize', ['no', 0, -3, (1, 2, 3), 3.5, True, ()])
def test_refuses_other_sizes(resize):
    with pytest.raises(ValueError, match='resize must be'):
        ImagePreparation(tiny_config(), resize)


def test_a_requested_pipeline_must_exist():
    with pytest.raises(ValueError, match='no test pipeline'):
        ImagePreparation(tiny_config(test_dataloader=None), 'pipeline')


def test_pipelines_in_checkpoints_may_have_allowed_steps_only(tmp_path):
    image = photo(40, 48)
    cfg = tiny_config(carried_by='x.pth')
    assert prepared('pipeline', image, cfg).shape == (3, 32, 32)
    ran = tmp_path / 'ran'
    code = f'float32 if open({str(ran)!r}, "w") else 0'
    step = dict(type='mmpretrain.torchvision/Resize', size=1, dtype=code)
    pipeline = [PIPELINE[0], step]
    cfg.test_dataloader.dataset.pipeline = pipeline
    with pytest.raises(
        ValueError, match='^x.pth contains a config .*torchvision'
    ):
        ImagePreparation(cfg, 'pipeline')
    assert not ran.exists()


def loading(name, **settings):
    pipeline = [dict(type=name, **settings)]
    return dict(dataset=dict(pipeline=pipeline))


@pytest.mark.parametrize('name', ['LoadImage', 'mixmae.LoadRandomResizedCrop'])
def test_files_are_decoded_as_in_training(name):
    """A value range in only one of the pipelines would change every pixel."""
    train = loading(name, value_range=(0, 4095))
    for settings in ({}, {'value_range': (0, 4000)}):
        cfg = Config(dict(
            train_dataloader=train,
            test_dataloader=loading('LoadImage', **settings),
        ))  # fmt: skip
        with pytest.raises(ValueError, match=r'\(0, 4095\).*pipeline'):
            ImagePreparation(cfg, None)
    cfg.test_dataloader = loading('LoadImage', value_range=(0, 4095))
    loader = ImagePreparation(cfg, None).load.__self__
    assert loader.decoding.value_range == (0, 4095)


def test_a_checkpoint_cannot_raise_the_pixel_limit():
    test = loading('LoadImage', max_pixels=10**12, min_side=7)
    cfg = Config(dict(test_dataloader=test))
    limits = ImagePreparation(cfg, None).load.__self__.limits
    assert limits.max_pixels == 10**12
    cfg[CARRIED_BY] = 'a.pth'
    limits = ImagePreparation(cfg, None).load.__self__.limits
    assert (limits.max_pixels, limits.min_side) == (None, 7)
