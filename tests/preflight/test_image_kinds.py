"""A run of images that would all be replaced does not start."""

from types import SimpleNamespace

import numpy as np
import pytest
from mmengine.config import Config

from mixmae.datasets import UnlabeledImageFolder
from mixmae.preflight import PlannedRun
from mixmae.preflight.image_kinds import SAMPLE, ImageKinds
from tests.datasets.picture_kinds import (
    GREY,
    encoded,
    picture,
    refused_kinds,
)
from tests.datasets.tiff_files import tiff


def folder(path, files, **loading):
    """A data set of files."""
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


def test_a_few_do_not_stop_a_run(tmp_path):
    data, words = refused_kinds()['many.tif']
    found = check(train=folder(tmp_path / 'a', [data] + [SOUND] * 20))
    assert found.errors == ()
    [warning] = found.warnings
    assert words in warning and f'1 of {SAMPLE}' in warning


def test_missing_and_damaged_files_are_left_to_the_run(tmp_path):
    dataset = folder(tmp_path / 'a', [SOUND, b'', b'x', SOUND])
    dataset.full_init()
    (tmp_path / 'a' / '0003.png').unlink()
    found = check(train=dataset)
    assert (found.errors, found.warnings) == ((), ())


def test_the_log_says_what_a_loader_would_warn_of(tmp_path):
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
