"""LoadRandomResizedCrop, compared with the two plain transforms."""

import os
from pathlib import Path

import numpy as np
import pytest
from mmpretrain.datasets import RandomResizedCrop
from PIL import Image

from mixmae.datasets.corrupt.corrupt_image_error import CorruptImageError
from mixmae.datasets.images import jpeg_decoder
from mixmae.datasets.transforms import LoadImage, LoadRandomResizedCrop
from mixmae.registry import TRANSFORMS
from tests.datasets.photographs import (
    jpeg,
    photograph,
    psnr,
    turned,
    write_jpeg,
)

ORIGINALS = Path(__file__).parents[4] / 'shared/data/imagenet_originals'
VIEW = dict(scale=96, crop_ratio_range=(0.2, 1.0))


def crop(path, seed=0, content=None, **options) -> dict:
    """Return the transformed image, and the next random number."""
    np.random.seed(seed)
    results = {'img_path': str(path)}
    if content is not None:
        results['img_bytes'] = content
    done = LoadRandomResizedCrop(**{**VIEW, **options})(results)
    img = done['img']
    assert img.dtype == np.uint8 and img.flags['C_CONTIGUOUS']
    assert img.shape == (*done['img_shape'], 3)
    assert 'img_bytes' not in done
    return {**done, 'next': np.random.random()}


def plain(path, seed=0, **options) -> dict:
    """Return the pipeline of the two transforms that it replaces."""
    steps = [
        LoadImage(),
        RandomResizedCrop(
            **{'interpolation': 'bicubic', **VIEW, **options},
            backend='pillow',
        ),
    ]
    np.random.seed(seed)
    results = {'img_path': str(path)}
    for step in steps:
        results = step(results)
    return {**results, 'next': np.random.random()}


def compare(path, seed=0, least=36.0, **options) -> float:
    """Compare with the plain transforms; return the fast path's PSNR."""
    wanted = plain(path, seed, **options)
    exact = crop(path, seed, exact=True, **options)
    fast = crop(path, seed, **options)
    assert np.array_equal(exact['img'], wanted['img'])
    for found in (exact, fast):
        assert found['img_shape'] == wanted['img_shape'][:2]
        assert found['ori_shape'] == wanted['ori_shape']
        assert found['next'] == wanted['next']
    assert fast['crop_box'] == exact['crop_box']
    fidelity = psnr(fast['img'], wanted['img'])
    assert fidelity >= least
    return fidelity


@pytest.fixture
def picture(tmp_path):
    return write_jpeg(tmp_path / 'a.jpg', photograph(190, 260))


@pytest.mark.parametrize('interpolation', ['bicubic', 'bilinear'])
@pytest.mark.parametrize('scale', [96, (64, 128), (224, 100)])
def test_photographs(picture, interpolation, scale):
    for seed in range(4):
        compare(picture, seed, scale=scale, interpolation=interpolation)


def test_files_of_imagenet():
    """Full-size files; PSNR against the exact crop."""
    if not ORIGINALS.is_dir():
        pytest.skip('NOT TESTED on real photographs: no ../shared/data')
    files = sorted(ORIGINALS.iterdir())[::6]
    found = [
        compare(path, seed, scale=224, least=35.0)
        for seed, path in enumerate(files)
    ]
    assert len(found) > 40 and np.mean(found) > 42


KINDS = {
    'grey': dict(mode='L'),
    'progressive': dict(progressive=True),
    'halved colours': dict(subsampling=2),
    'full colours': dict(subsampling=0, quality=100),
    'CMYK': dict(mode='CMYK'),
    **{f'turned {i}': dict(exif=turned(i)) for i in range(1, 9)},
}


@pytest.mark.parametrize('kind', KINDS.values(), ids=KINDS)
def test_all_kinds_of_jpegs(tmp_path, kind):
    path = write_jpeg(tmp_path / 'a.png', photograph(120, 165, 1), **kind)
    compare(path, 1)
    compare(path, 2)


@pytest.mark.parametrize(
    'size', [(1, 1), (3, 2), (8, 9), (17, 300), (400, 9), (1, 500), (96, 96)]
)
def test_tiny_and_elongated_images(tmp_path, size):
    path = write_jpeg(tmp_path / 'a.jpg', photograph(*size))
    for seed in range(3):
        compare(path, seed)


@pytest.mark.parametrize('mode', ['RGB', 'RGBA', 'L', 'P', '1', 'I;16'])
def test_other_formats(tmp_path, mode):
    path = tmp_path / 'a.jpg'
    image = Image.fromarray(photograph(120, 165, 2))
    if mode == 'I;16':
        grey = np.asarray(image.convert('L')).astype(np.uint16) * 257
        image = Image.fromarray(grey)
    else:
        image = image.convert(mode)
    image.save(path, 'PNG')
    compare(path, least=45.0)


@pytest.mark.parametrize('shrink', [2, 4, 8])
@pytest.mark.parametrize('kind', [{}, dict(mode='L'), dict(progressive=True)])
def test_large_images_are_decoded_at_reduced_size(
    tmp_path, monkeypatch, shrink, kind
):
    path = write_jpeg(tmp_path / 'a.jpg', photograph(480, 640), **kind)
    asked = []
    decode = jpeg_decoder.simplejpeg.decode_jpeg

    def spy(*args, **options):
        asked.append(options['min_factor'])
        return decode(*args, **options)

    # 1.5 times the requested side.
    ratio = {'crop_ratio_range': (1.0, 1.0)}
    view = dict(scale=int(480 / shrink / 1.51), **ratio)
    wanted = plain(path, **view)['img']
    monkeypatch.setattr(jpeg_decoder.simplejpeg, 'decode_jpeg', spy)
    assert psnr(crop(path, **view)['img'], wanted) > 35
    assert asked == [shrink]
    larger = dict(scale=view['scale'] + 3, **ratio)
    crop(path, **larger)
    assert asked == [shrink, shrink // 2]
    # Pillow can do it, too.
    monkeypatch.setattr(jpeg_decoder, 'simplejpeg', None)
    assert psnr(crop(path, **view)['img'], wanted) > 35


def test_without_the_fast_decoder(picture, monkeypatch):
    with_it = crop(picture)
    monkeypatch.setattr(jpeg_decoder, 'simplejpeg', None)
    without = crop(picture)
    assert psnr(without['img'], with_it['img']) > 38
    compare(picture, least=48.0)
    assert np.array_equal(
        LoadImage().load(picture), plain_pixels(picture)[..., ::-1]
    )


def plain_pixels(path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert('RGB'))


def test_files_that_the_fast_decoder_refuses(tmp_path):
    """Pillow tolerates damage in the pixels."""
    data = bytearray(jpeg(photograph(120, 165)))
    middle = len(data) // 2
    data[middle : middle + 9] = bytes(9)
    path = tmp_path / 'a.jpg'
    path.write_bytes(data)
    assert jpeg_decoder.decode_jpeg(bytes(data), 'RGB') is None
    assert np.array_equal(
        LoadImage().load(path)[..., ::-1], plain_pixels(path)
    )
    for seed in range(4):
        compare(path, seed)


def cause(load) -> tuple[str, str]:
    with pytest.raises(CorruptImageError) as caught:
        load()
    return caught.value.cause, caught.value.path


@pytest.mark.parametrize('given', ['path', 'bytes'])
@pytest.mark.parametrize('seed', range(3))
def test_corrupt_files_have_the_same_causes(tmp_path, given, seed):
    whole = jpeg(photograph(120, 165), exif=turned(3 if seed == 1 else 1))
    progressive = jpeg(photograph(120, 165), progressive=True)
    path = tmp_path / 'a.jpg'
    causes = set()
    for content in (
        whole[: len(whole) // 2],
        whole[:-2],
        whole[:400],
        whole[:2],
        progressive[: len(progressive) // 3],
        b'',
        b'no image',
        b'\xff\xd8\xff' + bytes(500),
    ):
        path.write_bytes(content)
        given_bytes = content if given == 'bytes' else None
        try:
            wanted = LoadImage().load(path)
        except CorruptImageError as error:
            found = cause(lambda: crop(path, seed, given_bytes))  # noqa: B023
            assert found == (error.cause, str(path))
            causes.add(error.cause)
        else:
            # Without the last two bytes, which Pillow does not need.
            assert crop(path, seed, given_bytes)['ori_shape'] == (120, 165)
            assert wanted.shape == (120, 165, 3)
    assert causes >= {'truncated', 'empty', 'no image'}


def test_missing_files(tmp_path):
    assert cause(lambda: crop(tmp_path / 'a.jpg'))[0] == 'missing'
    os.symlink(tmp_path / 'b.jpg', tmp_path / 'b.jpg')
    assert cause(lambda: crop(tmp_path / 'b.jpg'))[0] == 'unreadable'


@pytest.mark.parametrize('exact', [False, True])
def test_limits(picture, exact):
    crop(picture, exact=exact, min_side=190, max_pixels=190 * 260)
    for limit, word in (
        (dict(min_side=191), 'too small'),
        (dict(max_pixels=190 * 260 - 1), 'too large'),
    ):
        assert cause(lambda: crop(picture, exact=exact, **limit))[0] == word  # noqa: B023


def test_decompression_bombs(picture, monkeypatch):
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 1000)
    assert cause(lambda: crop(picture))[0] == 'too large'


@pytest.mark.parametrize('exact', [False, True])
@pytest.mark.parametrize('kind', [{}, dict(mode='CMYK')])
def test_bytes_in_place_of_a_file(tmp_path, kind, exact):
    content = jpeg(photograph(120, 165), **kind)
    path = tmp_path / 'shard.tar' / 'a.jpg'
    found = crop(path, 3, content, exact=exact)['img']
    file = tmp_path / 'b.jpg'
    file.write_bytes(content)
    assert np.array_equal(found, crop(file, 3, exact=exact)['img'])
    results = LoadImage()({'img_path': str(path), 'img_bytes': content})
    assert 'img_bytes' not in results
    assert np.array_equal(results['img'], LoadImage().load(file))


def test_background(tmp_path):
    path = tmp_path / 'a.png'
    Image.new('RGBA', (20, 20)).save(path)
    found = crop(path, background=(200, 100, 0))['img']
    assert (found == [0, 100, 200]).all()


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(scale=0), 'scale must be'),
        (dict(scale=(8, 8, 8)), 'scale must be'),
        (dict(scale=2.5), 'scale must be'),
        (dict(crop_ratio_range=(0.0, 1.0)), 'crop_ratio_range must be'),
        (dict(crop_ratio_range=(0.5, 1.1)), 'at most 1'),
        (dict(aspect_ratio_range=(2.0, 1.0)), 'aspect_ratio_range must be'),
        (dict(max_attempts=-1), 'max_attempts must be'),
        (dict(interpolation='nearest'), 'bicubic, bilinear'),
        (dict(min_side=0), 'min_side'),
        (dict(background=(0, 0, 256)), 'background'),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        LoadRandomResizedCrop(**{**VIEW, **options})


def test_registered():
    step = TRANSFORMS.build(dict(type='LoadRandomResizedCrop', scale=(8, 9)))
    assert step.size == (8, 9) and 'scale=(8, 9)' in repr(step)
