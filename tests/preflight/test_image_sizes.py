"""Crops that no mask fits are refused before the first iteration."""

import pytest
from mmengine.config import Config

from mixmae.preflight import PlannedRun
from mixmae.preflight.image_sizes import ImageSizes, image_size

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


def test_a_test_looks_at_its_own_images():
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
    assert image_size(pipeline) == size
