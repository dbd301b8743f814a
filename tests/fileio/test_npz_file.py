"""NumPy archives that declare more data than they contain."""

import io
import os
import struct
import zipfile

import numpy as np
import pytest

from mixmae.fileio.npz_file import read_arrays

ARRAYS = {
    'bytes': np.arange(7, dtype=np.uint8),
    'table': np.arange(12.0).reshape(3, 4),
    'other order': np.asfortranarray(np.arange(6).reshape(2, 3)),
    'nothing': np.zeros((0, 5), np.int16),
    'text': np.array(['cat', 'größe']),
    'one': np.array(3),
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'arrays.npz'


@pytest.mark.parametrize('save', [np.savez, np.savez_compressed])
def test_numpy_archives_are_read(path, save):
    save(path, **ARRAYS)
    found = read_arrays(path)
    assert list(found) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def header(shape, kind='|u1'):
    file = io.BytesIO()
    content = dict(shape=shape, descr=kind, fortran_order=False)
    np.lib.format.write_array_header_1_0(file, content)
    return file.getvalue()


@pytest.mark.parametrize(
    'content, words',
    [
        (header((2**40,)), 'claims shape'),
        (header((2**62, 2**62)) + b'12', 'claims shape'),
        (header((-2, -1)) + b'12', 'claims shape'),
        (header((2**40,), '|S0'), 'claims shape'),
        (header((3,)) + b'12', '3 bytes, but contains 2'),
        (header((1,)) + b'12', '1 bytes, but contains 2'),
        (header((1,), '|O') + bytes(8), 'allow_pickle'),
        (b'\x93NUMPY\x09\x00' + bytes(100), 'version'),
        (b'no array', 'magic'),
        (b'', 'EOF'),
        (b'\x93NUMPY\x01\x00\xff\xff{', 'damaged'),
        (
            b'\x93NUMPY\x01\x00' + struct.pack('<H', 8000) + b'(' * 8000,
            'damaged',
        ),
    ],
)
def test_inconsistent_headers(path, content, words):
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('a.npy', content)
    with pytest.raises(ValueError, match=words):
        read_arrays(path)


def forge_sizes(path, stored, whole):
    """Change the sizes in the directory of a zip of one file."""
    data = bytearray(path.read_bytes())
    place = data.rfind(b'PK\x01\x02')
    data[place + 20 : place + 28] = struct.pack('<II', stored, whole)
    path.write_bytes(data)


@pytest.mark.parametrize(
    'sizes', [(2**31, 2**31), (0, 2**31), (100, 2**31), (2**31, 0)]
)
def test_inconsistent_directories(path, sizes):
    np.savez(path, a=np.zeros(100))
    forge_sizes(path, *sizes)
    with pytest.raises(ValueError, match='claim'):
        read_arrays(path)


def test_arrays_that_share_their_bytes(path):
    """Thousands of entries would be unpacked from the same bytes."""
    data = io.BytesIO()
    np.savez_compressed(data, a=np.zeros(10**6, np.uint8))
    content = data.getvalue()
    start, end = content.index(b'PK\x01\x02'), content.index(b'PK\x05\x06')
    entry = content[start:end]
    tail = bytearray(content[end:])
    tail[8:16] = struct.pack('<HHI', 50, 50, 50 * len(entry))
    path.write_bytes(content[:start] + 50 * entry + tail)
    with pytest.raises(ValueError, match=r'claim|Overlapped'):
        read_arrays(path)


def test_unbounded_compression_methods(path):
    """Compression methods with an unbounded ratio are refused."""
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_LZMA) as archive:
        archive.writestr('a.npy', header((10**7,)) + bytes(10**7))
    with pytest.raises(ValueError, match='unknown method'):
        read_arrays(path)


def test_damage_and_files_of_other_kinds(path, tmp_path):
    np.savez_compressed(path, a=np.arange(1000))
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        path.write_bytes(
            whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :]
        )
        try:
            found = read_arrays(path)
        except (ValueError, OSError):
            continue
        for array in found.values():
            np.testing.assert_array_equal(array, np.arange(1000))
        path.write_bytes(whole[:place])
        with pytest.raises(ValueError):
            read_arrays(path)
    os.mkfifo(tmp_path / 'pipe')
    with pytest.raises(OSError, match='named pipe'):
        read_arrays(tmp_path / 'pipe')
    with pytest.raises(FileNotFoundError):
        read_arrays(tmp_path / 'gone')
