"""Division of large images into tiles, which keep their values."""

import io

import numpy as np
import pytest
import tifffile
from PIL import Image

from mixmae.cli.commands import pack as command
from mixmae.data_tools.packing import packing
from mixmae.data_tools.packing.pack_settings import PackSettings
from mixmae.data_tools.packing.pack_source import read_source
from mixmae.data_tools.packing.packing import pack
from mixmae.data_tools.packing.tiling import tiles_of
from mixmae.datasets.images.image_decoding import ImageDecoding
from mixmae.datasets.images.image_file import read_image
from mixmae.datasets.images.image_kind import ImageLimits
from mixmae.datasets.packed_images import PackedImages
from tests.datasets.packed_pictures import content

R = np.random.default_rng(0)
HEIGHT, WIDTH, SIDE = 50, 70, 32
# Rows and columns of the smallest grid.
GRID = (2, 3)


def noise(*bands, dtype=np.uint8):
    """Return random samples."""
    high = 2 if dtype is bool else min(np.iinfo(dtype).max, 4000)
    return R.integers(0, high, (HEIGHT, WIDTH, *bands)).astype(dtype)


def write_tiff(path, samples, **tags):
    """Write a TIFF with grey bands, unless tags say more."""
    tags = {'photometric': 'minisblack', **tags}
    tifffile.imwrite(path, samples, planarconfig='contig', **tags)


def write_no_data(path, samples):
    """Write a TIFF with a border of GDAL's value for no data."""
    border = np.pad(samples[4:, 4:], ((4, 0), (4, 0)), constant_values=65535)
    write_tiff(path, border, extratags=[(42113, 's', 0, '65535', True)])


def write_picture(path, samples, **options):
    """Write a file of Pillow's."""
    Image.fromarray(samples).save(path, **options)


def write_cmyk(path, samples):
    """Write colours that no PNG holds."""
    Image.fromarray(samples).convert('CMYK').save(path)


# Kind of file, its writer and samples, channels and range of the training.
KINDS = {
    'grey.png': (write_picture, noise(), 1, None),
    'rgb.png': (write_picture, noise(3), 3, None),
    'rgba.png': (write_picture, noise(4), 3, None),
    'bits.png': (write_picture, noise(dtype=bool), 1, None),
    'grey16.png': (write_picture, noise(dtype=np.uint16), 1, (0, 4000)),
    'rgb.webp': (
        lambda p, s: write_picture(p, s, lossless=True), noise(3), 3, None
    ),
    'cmyk.tif': (write_cmyk, noise(3), 3, None),
    'four.tif': (write_tiff, noise(4), 4, None),
    'twelve.tif': (write_tiff, noise(12, dtype=np.uint16), 12, (0, 4000)),
    'rgb16.tif': (
        lambda p, s: write_tiff(p, s, photometric='rgb'),
        noise(3, dtype=np.uint16), 3, (0, 4000),
    ),
    'alpha.tif': (
        lambda p, s: write_tiff(
            p, s, photometric='rgb', extrasamples=['assocalpha']
        ),
        noise(4), 3, None,
    ),
    'white.tif': (
        lambda p, s: tifffile.imwrite(p, s, photometric='miniswhite'),
        noise(), 1, None,
    ),
    'white16.tif': (
        lambda p, s: tifffile.imwrite(p, s, photometric='miniswhite'),
        noise(dtype=np.uint16), 1, (0, 65535),
    ),
    'float.tif': (
        write_tiff, noise(dtype=np.uint16).astype(np.float32), 1, (0, 4000)
    ),
    # Its border is white if the tag is lost.
    'no_data.tif': (
        write_no_data, noise(dtype=np.uint16), 1, (0, 4000)
    ),
    'bands.npy': (np.save, noise(5, dtype=np.int16), 5, (0, 4000)),
}  # fmt: skip


@pytest.mark.parametrize('name', KINDS)
def test_tiles_together_are_the_image(tmp_path, name):
    write, samples, channels, value_range = KINDS[name]
    path = tmp_path / name
    write(path, samples)
    decoding = ImageDecoding(channels=channels, value_range=value_range)
    whole = read_image(path, decoding=decoding).pixels
    parts = {}
    for place, data in tiles_of(
        str(path), path.read_bytes(), SIDE, 90, ImageLimits()
    ):
        found = read_image(place, decoding=decoding, content=data)
        parts[place.rpartition('.')[0]] = found.pixels
        assert max(found.pixels.shape[:2]) <= SIDE
    rows, columns = GRID
    again = np.concatenate([
        np.concatenate([parts.pop(f'_{r}_{c}') for c in range(columns)], 1)
        for r in range(rows)
    ])  # fmt: skip
    assert not parts
    np.testing.assert_array_equal(again, whole)


def test_tiles_of_a_jpeg_are_upright_jpegs(tmp_path):
    path = tmp_path / 'x.jpg'
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(noise(3)).resize((80, 40)).save(path, exif=exif)
    tiles = dict(tiles_of(str(path), path.read_bytes(), 40, 95, ImageLimits()))
    assert [*tiles] == ['_0_0.jpg', '_1_0.jpg']
    upper = Image.open(io.BytesIO(tiles['_0_0.jpg']))
    assert (upper.format, upper.size) == ('JPEG', (40, 40))
    whole = read_image(path).pixels[:40].astype(float)
    assert np.abs(np.asarray(upper) - whole).mean() < 12


@pytest.fixture
def scenes(tmp_path):
    """Return a folder of two small images and a large one between them."""
    folder = tmp_path / 'scenes'
    folder.mkdir()
    for name in ('a', 'c'):
        Image.fromarray(noise(3)[:20, :20]).save(folder / f'{name}.png')
    Image.fromarray(noise(3)).save(folder / 'b.png')
    return folder


def test_a_pack_of_tiles_is_read_and_resumed(scenes, tmp_path, monkeypatch):
    """An interruption between two tiles of an image loses none."""
    settings = PackSettings(tile=SIDE, shard_bytes=20480)
    source = read_source(str(scenes))
    report = pack(source, tmp_path / 'whole', settings)
    rows, columns = GRID
    assert (report.images, report.tiled) == (2 + rows * columns, 1)
    packed = PackedImages(str(tmp_path / 'whole'))
    names = [packed.get_data_info(i)['img_path'] for i in range(len(packed))]
    assert names[1].endswith('b_0_0.png') and names[-1].endswith('c.png')
    # The first shard ends inside the large image.
    write, left = packing.write_shard, iter([True])

    def interrupted(*arguments):
        if next(left, None) is None:
            raise KeyboardInterrupt
        return write(*arguments)

    monkeypatch.setattr(packing, 'write_shard', interrupted)
    with pytest.raises(KeyboardInterrupt):
        pack(source, tmp_path / 'out', settings)
    monkeypatch.setattr(packing, 'write_shard', write)
    pack(source, tmp_path / 'out', settings, workers=2)
    assert content(tmp_path / 'out') == content(tmp_path / 'whole')


def test_the_command_says_what_is_too_large(
    scenes, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 1000)
    given = [str(scenes), str(tmp_path / 'out'), '--workers', '0']
    assert command.main(given) == 0
    assert (
        'note: 1 images have more than 2,000 pixels' in capsys.readouterr().out
    )
    given = [*given, '--tile', str(SIDE)]
    assert command.main([*given[:1], str(tmp_path / 'tiles'), *given[2:]]) == 0
    said = capsys.readouterr().out
    assert '1 large images divided into tiles' in said and 'note' not in said


def test_images_beyond_the_limit_are_left_out_and_named(scenes, tmp_path):
    settings = PackSettings(tile=SIDE, max_pixels=WIDTH * HEIGHT - 1)
    report = pack(read_source(str(scenes)), tmp_path / 'out', settings)
    assert [(bad.cause, bad.path) for bad in report.bad] == [
        ('too large', 'b.png')
    ]
    assert report.images == 2


def test_the_name_of_a_tile_is_not_taken_twice(scenes, tmp_path):
    (scenes / 'a.png').rename(scenes / 'b_0_1.png')
    settings = PackSettings(tile=SIDE)
    with pytest.raises(ValueError, match='is the name of another image'):
        pack(read_source(str(scenes)), tmp_path / 'out', settings)


@pytest.mark.parametrize(
    'words, said',
    [
        (['--max-pixels', '9'], '--max-pixels has no effect without --tile'),
        (['--tile', '0'], 'tile must be at least 1'),
    ],
)
def test_arguments_that_cannot_work(scenes, tmp_path, capsys, words, said):
    assert command.main([str(scenes), str(tmp_path / 'out'), *words]) == 2
    assert said in capsys.readouterr().err
