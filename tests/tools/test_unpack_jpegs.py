import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.tools.running import load_tool

ROOT = Path(__file__).parents[2]
TOOL = ROOT / 'tools' / 'dataset_converters' / 'unpack_jpegs.py'


def jpeg(colour: int) -> bytes:
    buffer = io.BytesIO()
    Image.new('RGB', (8, 6), (colour, 0, 0)).save(buffer, 'JPEG')
    return buffer.getvalue()


@pytest.fixture
def archive(tmp_path) -> Path:
    files = [jpeg(colour) for colour in (10, 200, 90)]
    sizes = np.cumsum([0, *map(len, files)])
    path = tmp_path / 'packed.npz'
    np.savez(
        path,
        train_jpeg=np.frombuffer(b''.join(files), np.uint8),
        train_offset=sizes,
        train_label=np.array([1, 0, 1], np.uint8),
        classes=np.array(['cat', 'dog']),
    )
    return path


def run(*arguments: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, str(TOOL), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def test_bytes_are_unmodified(archive, tmp_path):
    done = run(archive, tmp_path / 'out')
    assert done.returncode == 0, done.stderr
    files = sorted((tmp_path / 'out').rglob('*.jpg'))
    names = [str(path.relative_to(tmp_path / 'out')) for path in files]
    assert names == [
        'train/cat/000001.jpg',
        'train/dog/000000.jpg',
        'train/dog/000002.jpg',
    ]
    assert files[0].read_bytes() == jpeg(200)


def test_an_existing_folder_is_left_alone(archive, tmp_path):
    (tmp_path / 'out').mkdir()
    done = run(archive, tmp_path / 'out')
    assert done.returncode == 2
    assert 'exists already' in done.stderr
    assert not list((tmp_path / 'out').iterdir())


@pytest.mark.parametrize('content', [None, b'no archive'])
def test_bad_archives(tmp_path, content):
    path = tmp_path / 'bad.npz'
    if content is not None:
        path.write_bytes(content)
    done = run(path, tmp_path / 'out')
    assert done.returncode == 2
    assert done.stderr.startswith('error: ') and 'bad.npz' in done.stderr
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize(
    ('changes', 'expected'),
    [
        (dict(classes=np.array(['cat', '../dog'])), "'../dog' is not a valid"),
        (dict(classes=np.array(['cat', '/tmp'])), "'/tmp' is not a valid"),
        (dict(train_label=np.array([0, 1, 2])), 'labels must be 0 to 1'),
        (dict(train_offset=np.array([0, 1])), '3 labels need one more offset'),
        (dict(train_offset=np.array([0, 5, 3, 6])), 'offsets must increase'),
        (
            dict(train_offset=np.array([0, 5, 6, 10**9])),
            'offsets must increase',
        ),
        (dict(train_jpeg=np.zeros(3)), 'jpeg must be uint8'),
        (dict(classes=np.array([{}], object)), 'contains no packed JPEGs'),
    ],
)
def test_archives_that_do_not_fit(archive, tmp_path, changes, expected):
    with np.load(archive) as content:
        arrays = {**content, **changes}
    np.savez(archive, **arrays)
    with pytest.raises(ValueError, match=expected):
        load_tool(TOOL).unpack(archive, tmp_path / 'out')
    assert sorted(path.name for path in tmp_path.iterdir()) == ['packed.npz']
