"""Crops that no mask fits are refused before the first iteration."""

from types import SimpleNamespace

import numpy as np
import pytest
from mmcv.transforms import LoadImageFromFile
from mmengine.config import Config

from mixmae.datasets import UnlabeledImageFolder
from mixmae.preflight import PlannedRun
from mixmae.preflight.data_sets import pipeline_image_size
from mixmae.preflight.image_check import (
    SAMPLE,
    ImageChannels,
    ImageKinds,
    ImageSizes,
)
from tests.datasets.picture_kinds import (
    GREY,
    encoded,
    picture,
    read_kinds,
    refused_kinds,
)
from tests.datasets.tiff_files import tiff

RANDOM = dict(type='RandomMasking', ratio=0.5, cell=16, shared=True)
UNIFORM = dict(type='UniformMasking', cell=16)


def crop(side):
    return dict(type='mixmae.LoadRandomResizedCrop', scale=side)


def finding(masking, train, val, mode='train'):
    def loader(size):
        pipeline = [crop(size), dict(type='PackImage')]
        return dict(dataset=dict(dataset=dict(pipeline=pipeline)))

    cfg = Config(
        dict(
            default_scope='mixmae',
            model=dict(data_preprocessor=dict(masking=masking)),
            train_dataloader=loader(train),
            val_dataloader=loader(val),
            test_dataloader=loader(val),
        )
    )
    return ImageSizes().run(PlannedRun(mode, cfg))


@pytest.mark.parametrize(
    ('masking', 'train', 'val', 'faults'),
    [
        (RANDOM, 64, (48, 96), ''),
        (RANDOM, 50, 64, 'train'),
        (RANDOM, 64, (64, 50), 'val'),
        (UNIFORM, 128, 64, ''),
        (UNIFORM, 96, 96, 'train val'),
        (None, 50, 50, ''),
    ],
)
def test_masks_fit(masking, train, val, faults):
    found = finding(masking, train, val)
    errors = found.errors if found else ()
    assert [line.split('_')[0] for line in errors] == faults.split()


def test_each_joined_data_set_is_compared():
    """``ConcatDataset`` has several pipelines, a mix one of its own."""

    def joined(*sizes):
        sets = [dict(pipeline=[crop(size)]) for size in sizes]
        return dict(dataset=dict(dataset=dict(datasets=sets)))

    def found(train, masking=RANDOM):
        cfg = dict(train_dataloader=train, val_dataloader=joined(64))
        model = dict(data_preprocessor=dict(masking=masking))
        return ImageSizes().run(
            PlannedRun('train', Config(cfg | {'model': model}))
        )

    assert not found(joined(64, 96)).errors
    (line,) = found(joined(64, 50)).errors
    place = 'train_dataloader.dataset.dataset.datasets.1.pipeline'
    assert line.startswith(f'{place} and model.data_preprocessor.masking')
    mixed = joined(50)
    mixed['dataset']['pipeline'] = [crop(64)]
    assert not found(mixed).errors
    (line,) = found(joined(64, 96), None).warnings
    assert 'have 64x64 and 96x96 pixels, those of the val data 64x64' in line


def test_other_sizes_in_evaluation_are_a_warning():
    for mode, split in (('train', 'val'), ('test', 'test')):
        (line,) = finding(None, 64, (64, 96), mode).warnings
        assert f'have 64x64 pixels, those of the {split} data 64x96' in line
        assert not finding(None, 64, 64, mode).warnings


def test_a_test_checks_its_own_images():
    assert not finding(RANDOM, 50, 64, 'test').errors
    assert finding(RANDOM, 64, 50, 'test').errors


@pytest.mark.parametrize(
    ('pipeline', 'size'),
    [
        ([crop(64)], (64, 64)),
        ([dict(type='CenterCrop', crop_size=(32, 48))], (32, 48)),
        ([dict(type='Resize', scale=(48, 32))], (32, 48)),
        ([crop(64), dict(type='Resize', scale=(9, 8), keep_ratio=True)], None),
        ([crop(64), dict(type='ResizeEdge', scale=8)], None),
        ([dict(type='ResizeEdge', scale=8), crop(6)], (6, 6)),
        ([dict(type='LoadImage')], None),
        ([dict(type='CenterCrop', crop_size='a')], None),
    ],
)
def test_size_of_a_pipeline(pipeline, size):
    assert pipeline_image_size(pipeline) == size


def check_channels(in_channels=None, **preprocessor):
    model = dict(data_preprocessor=preprocessor)
    if in_channels:
        model['backbone'] = dict(in_channels=in_channels)
    config = Config(dict(model=model))
    return ImageChannels().run(PlannedRun('train', config))


def test_number_of_means_and_stds():
    assert check_channels(mean=[1, 2, 3], std=[1, 1, 1]).errors == ()
    assert check_channels() is None
    assert check_channels(1, mean=[1], std=[1]).errors == ()
    assert len(check_channels(4, mean=[1, 2, 3], std=[1, 1, 1]).errors) == 2
    assert ImageChannels().run(PlannedRun('test', Config({}))) is None


@pytest.mark.parametrize('count', [1, 4])
def test_another_number_of_channels_is_reported(count):
    [error] = check_channels(mean=[0.0] * count, std=[1, 1, 1]).errors
    assert 'data_preprocessor.mean' in error and 'in_channels is 3' in error
    assert len(check_channels(mean=[0] * count, std=[1] * count).errors) == 2


@pytest.mark.parametrize('values', [3, 'abc', [float('nan')] * 3, ['1'] * 3])
def test_implausible_means(values):
    [error] = check_channels(mean=values, std=[1, 1, 1]).errors
    assert 'data_preprocessor.mean' in error


def test_units_of_mean_and_std():
    [error] = check_channels(mean=[0.485] * 3, std=[0.229] * 3).errors
    assert '0 to 255; multiply both by 255' in error
    # Pixels as they are, and pixels in units of 0 to 1.
    for std in ([1] * 3, [255] * 3):
        assert not check_channels(mean=[0] * 3, std=std).errors


@pytest.mark.parametrize('key', ['to_rgb', 'bgr_to_rgb'])
def test_order_of_the_mean(key):
    rgb = [123.675, 116.28, 103.53]
    for mean, converts in ((rgb, True), (rgb[::-1], False), ([9, 8, 7], True)):
        found = check_channels(mean=mean, std=[58] * 3, **{key: converts})
        assert not found.warnings
    for mean, converts in ((rgb, False), (rgb[::-1], True)):
        found = check_channels(mean=mean, std=[58] * 3, **{key: converts})
        assert 'another channel order' in found.warnings[0]
        assert not found.errors


def folder(path, files, **loading):
    """Return an image folder data set."""
    path.mkdir()
    for index, data in enumerate(files):
        (path / f'{index:04d}.png').write_bytes(data)
    return UnlabeledImageFolder(
        str(path),
        pipeline=[dict(type='LoadImage', **loading)],
        listing_cache=False,
    )


def check(mode='train', **sets):
    loaders = {
        f'{name}_dataloader': SimpleNamespace(dataset=dataset)
        for name, dataset in sets.items()
    }
    runner = SimpleNamespace(**loaders)
    planned = PlannedRun(mode, Config({}), runner=runner)
    return ImageKinds().run(planned)


SOUND = encoded(picture(), 'PNG')


def test_usual_images(tmp_path):
    found = check(train=folder(tmp_path / 'a', [SOUND] * 3))
    assert (found.errors, found.warnings) == ((), ())
    assert '3 images of train' in found.compared


@pytest.mark.parametrize('name', ['many.tif', 'float.tif', 'heic.jpg'])
def test_a_data_set_of_an_unsupported_kind(tmp_path, name):
    data, words = refused_kinds()[name]
    found = check(train=folder(tmp_path / 'a', [data] * 50))
    [error] = found.errors
    assert words in error and 'unsupported' in error
    assert f'{SAMPLE} of {SAMPLE}' in error and '\n' not in error


def test_a_few_unsupported_files_are_a_warning(tmp_path):
    data, words = refused_kinds()['many.tif']
    found = check(train=folder(tmp_path / 'a', [data] + [SOUND] * 20))
    assert found.errors == ()
    [warning] = found.warnings
    assert words in warning and f'1 of {SAMPLE}' in warning


def test_missing_and_damaged_files_are_not_reported(tmp_path):
    dataset = folder(tmp_path / 'a', [SOUND, b'', b'x', SOUND])
    dataset.full_init()
    (tmp_path / 'a' / '0003.png').unlink()
    found = check(train=dataset)
    assert (found.errors, found.warnings) == ((), ())


def test_the_loaders_warning_is_in_the_log(tmp_path):
    deep = encoded(picture(4095, np.uint16)[..., 0], 'PNG')
    found = check(train=folder(tmp_path / 'a', [SOUND] + [deep] * 9))
    [warning] = found.warnings
    assert '0..4095' in warning and '.png' in warning
    found = check(train=folder(tmp_path / 'b', [deep], value_range=(0, 4095)))
    assert found.warnings == ()


def test_data_sets_are_decoded_alike(tmp_path):
    data = tiff(picture(9, 'f4')[..., 0], GREY)
    train = folder(tmp_path / 'a', [data], value_range=(0, 9))
    val = folder(tmp_path / 'b', [data], value_range=(0, 8))
    [error] = check(train=train, val=val).errors
    assert '(0, 9)' in error and '(0, 8)' in error and 'val' in error
    # A test has one data set, and nothing to compare it with.
    assert check('test', train=train, test=val).errors == ()


def test_data_sets_that_load_by_other_transforms(tmp_path):
    assert check(train=SimpleNamespace(pipeline=None)) is None
    assert check() is None


@pytest.mark.parametrize('name', ['fourth.tif', 'grey-16.png', 'many.npy'])
def test_files_that_mmcv_reduces_to_8_bits(tmp_path, name):
    """mmcv's loader converts everything to 8-bit RGB."""
    both = read_kinds() | refused_kinds()
    dataset = folder(tmp_path / 'a', [both[name][0]] * 3)
    dataset.pipeline.transforms = [LoadImageFromFile()]
    [error] = check(train=dataset).errors
    assert 'LoadImageFromFile reduces' in error and 'mixmae.LoadImage' in error
    plain = folder(tmp_path / 'b', [SOUND] * 3)
    plain.pipeline.transforms = [LoadImageFromFile()]
    assert check(train=plain).errors == ()
