"""Statistics of a data set: counts, kinds, values, skipped files."""

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mixmae.data_tools.data_stats import data_stats
from tests.datasets.picture_kinds import GREY, npy, picture
from tests.datasets.tiff_files import tiff

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path):
    """Write six valid images of four bands (12 of 16 bits) and other files."""
    place = tmp_path / 'set'
    (place / 'a').mkdir(parents=True)
    ramp = picture(1000, np.float64) / 1000
    for i in range(6):
        bands = np.dstack([ramp * 1000 * (i + 1) / 6, ramp[..., :1] * 4095])
        name = f'{i}.npy' if i == 5 else f'a/{i}.tif'
        values = bands.astype(np.uint16)
        data = npy(values) if i == 5 else tiff(values, GREY)
        (place / name).write_bytes(data)
    (place / 'a' / 'cut.tif').write_bytes(b'II*\0')
    (place / 'photo.heix').write_bytes(b'x')
    (place / 'again').symlink_to(place / 'a')
    return place


def test_statistics(folder):
    found = data_stats(folder)
    assert found.images == found.sampled == 7
    assert found.suffixes == {'.tif': 6, '.npy': 1}
    assert found.corrupt == {'truncated': 1}
    assert found.sizes == [(32, 24)] * 3
    assert found.in_channels == 4 and len(found.kinds) == 2
    assert found.values == (0, 4095)
    text = '\n'.join(found.lines())
    assert 'skipped by suffix: 1 .heix' in text
    assert 'have two paths' in text and '/a/cut.tif' in text
    low, high = found.value_range
    assert low == 0 and 3900 < high <= 4095
    # The last band covers the range evenly.
    assert abs(found.mean[3] - 127.5) < 5 and abs(found.std[3] - 73.6) < 5
    assert found.mean[0] < found.mean[3] / 3


def test_linked_files_count_once(folder):
    listed = folder.parent / 'list.txt'
    listed.write_text(f'{folder}/a/0.tif\n{folder}/again/1.tif\n')
    found = data_stats([folder, listed, folder / 'a' / '2.tif'])
    assert found.images == 7 and found.duplicates == 3
    assert any('3 files were given twice' in line for line in found.lines())


def test_images_in_shards(folder):
    with tarfile.open(folder.parent / 'a.tar', 'w') as tar:
        for path in sorted(folder.glob('a/*.tif'))[1:]:
            tar.add(path, path.name)
    found = data_stats([folder / 'a' / '0.tif', folder.parent / 'a.tar'])
    assert found.suffixes == {'.tif': 1, 'in shards': 5}
    assert found.sampled == 6 and found.sizes == [(32, 24)] * 3
    assert found.corrupt == {'truncated': 1} and 'cut.tif' in found.fault
    size = (folder.parent / 'a.tar').stat().st_size
    os.truncate(folder.parent / 'a.tar', size // 2)
    assert 'empty' in data_stats(folder.parent / 'a.tar').corrupt


@pytest.mark.parametrize('mode, channels', [('L', 1), ('RGB', 3), ('RGBA', 3)])
def test_channels_of_everyday_files(tmp_path, mode, channels):
    Image.fromarray(picture()).convert(mode).save(tmp_path / 'a.png')
    found = data_stats(tmp_path)
    assert found.in_channels == len(found.mean) == channels
    assert found.value_range is found.values is None


def test_given_values(folder):
    found = data_stats(folder, value_range=(0, 8190), most=3)
    assert found.sampled == 3 and found.value_range == (0, 8190)
    assert found.mean[3] < 70


def test_nothing_to_measure(tmp_path):
    (tmp_path / 'a.txt').write_text('x')
    with pytest.raises(ValueError, match=r'no images in .*1 \.txt'):
        data_stats(tmp_path)
    (tmp_path / 'a.png').write_text('x')
    with pytest.raises(ValueError, match=r'none of the 1 opened .*/a\.png'):
        data_stats(tmp_path)
    with pytest.raises(ValueError, match=r'there is no .*/b'):
        data_stats(tmp_path / 'b')


def test_the_tool(folder):
    tool = ROOT / 'tools' / 'analysis_tools' / 'data_stats.py'
    done = subprocess.run(
        [sys.executable, tool, folder, '--json', '--in-channels', '4'],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    assert json.loads(done.stdout)['values'] == [0.0, 4095.0]
