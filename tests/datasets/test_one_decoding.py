"""All readers of images decode a file alike or refuse it alike.

Training with and without the fast loader, from folders and from packed
bytes; the extraction of features; verification; packing.
"""

import io
import warnings

import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image

from mixmae.apis.image_preparation import ImagePreparation
from mixmae.data_tools.packing import shrinking
from mixmae.data_tools.packing.shrinking import shrink
from mixmae.data_tools.verification import inspection
from mixmae.data_tools.verification.inspection import inspect_image
from mixmae.datasets.corrupt.corrupt_image_error import CorruptImageError
from mixmae.datasets.transforms import LoadImage, LoadRandomResizedCrop
from tests.datasets.picture_kinds import read_kinds, refused_kinds

SETTINGS = {
    'default': {},
    'range': {'value_range': (0, 4095), 'background': (9, 99, 199)},
    'drop': {'extra_band': 'drop'},
    'alpha': {'extra_band': 'alpha'},
}
FILES = {
    name: data for name, (data, *_) in (read_kinds() | refused_kinds()).items()
}


def outcome(load, *args):
    """Return BGR pixels, or the text of the error."""
    try:
        return load(*args)
    except CorruptImageError as error:
        return str(error)


def crop(path, content, settings):
    """Return the whole image from the fast loader, without resizing."""
    results = {'img_path': path}
    if content is not None:
        results['img_bytes'] = content
    whole = LoadImage(**settings).load(path, content)
    load = LoadRandomResizedCrop(
        whole.shape[:2], (1.0, 1.0), (1e-3, 1e3), 0, exact=True, **settings
    )
    # No attempts: the centre crop, which is the whole image.
    return load(results)['img']


def features(path, settings):
    pipeline = [dict(type='mixmae.LoadImage', **settings)]
    loader = dict(dataset=dict(pipeline=pipeline))
    return ImagePreparation(Config(dict(test_dataloader=loader)), None).load(
        path
    )


def verified(path, decoding, monkeypatch):
    """Return the pixels that the verifier read, or its fault as text."""
    seen = []
    real = inspection.read_image

    def read(*args, **kwargs):
        seen.append(real(*args, **kwargs))
        return seen[-1]

    with monkeypatch.context() as patch:
        patch.setattr(inspection, 'read_image', read)
        found = inspect_image(path, decoding=decoding)
    if found.fault is not None:
        return f'cannot read image {path}: {found.fault}'
    return seen[0].pixels[..., ::-1]


def packed(path, decoding, monkeypatch):
    """Return the pixels before packing, or the reported fault."""
    seen = []
    real = shrinking.read_image

    def read(*args, **kwargs):
        seen.append(real(*args, **kwargs))
        return seen[-1]

    with monkeypatch.context() as patch:
        patch.setattr(shrinking, 'read_image', read)
        found = shrink(path, 1, decoding=decoding)
    if found.cause:
        return f'cannot read image {path}: {found.cause} ({found.detail})'
    assert found.shrunk and Image.open(io.BytesIO(found.data)).mode == 'RGB'
    return seen[0].pixels[..., ::-1]


@pytest.mark.parametrize('name', FILES)
def test_all_readers_agree(tmp_path, monkeypatch, name):
    path = str(tmp_path / name)
    data = FILES[name]
    (tmp_path / name).write_bytes(data)
    for settings in SETTINGS.values():
        loader = LoadImage(**settings)
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            found = {
                'file': outcome(loader.load, path),
                'bytes': outcome(loader.load, path, data),
                'fast': outcome(crop, path, None, settings),
                'fast, bytes': outcome(crop, path, data, settings),
                'features': outcome(features, path, settings),
                'verified': verified(path, loader.decoding, monkeypatch),
                'packed': packed(path, loader.decoding, monkeypatch),
            }
        expected = found.pop('file')
        for reader, one in found.items():
            assert type(one) is type(expected), (reader, one, expected)
            assert np.array_equal(one, expected), (reader, settings)
