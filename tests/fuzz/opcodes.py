"""Pickles built from opcodes, and files that contain them."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections.abc import Mapping

import torch

NONE, TRUE, FALSE, EMPTY = b'N', b'\x88', b'\x89', b')'


def text(value: str) -> bytes:
    data = value.encode('utf-8', 'surrogatepass')
    return b'X' + struct.pack('<I', len(data)) + data


def number(value: int) -> bytes:
    if -(2**31) <= value < 2**31:
        return b'J' + struct.pack('<i', value)
    data = pickle.encode_long(value)
    return b'\x8a' + bytes([len(data)]) + data


def name(full: str) -> bytes:
    """Return a global, such as ``numpy.dtype``."""
    module, _, last = full.rpartition('.')
    return f'c{module}\n{last}\n'.encode()


def items(*values: bytes) -> bytes:
    """Return a tuple."""
    return b'(' + b''.join(values) + b't'


def called(full: str, *arguments: bytes) -> bytes:
    return name(full) + items(*arguments) + b'R'


def built(value: bytes, state: bytes) -> bytes:
    return value + state + b'b'


def raw(data: bytes) -> bytes:
    """Return bytes as pickles of protocol 2 encode them."""
    return called(
        '_codecs.encode', text(data.decode('latin1')), text('latin1')
    )


def entries(**values: bytes) -> bytes:
    """Return a dict."""
    pairs = (text(key) + value for key, value in values.items())
    return b'}(' + b''.join(pairs) + b'u'


def storage(numel: int, kind: str = 'Float', *view: bytes) -> bytes:
    """Return a storage of the record '0'; with a view, of the old format."""
    place = (name(f'torch.{kind}Storage'), text('0'), text('cpu'))
    return items(text('storage'), *place, number(numel), *view) + b'Q'


def tensor(of: bytes, *shape: int, offset: int = 0) -> bytes:
    """Return a dense tensor."""
    strides = [1]
    for size in reversed(shape[1:]):
        strides.insert(0, strides[0] * size)
    return called(
        'torch._utils._rebuild_tensor_v2',
        of,
        number(offset),
        items(*map(number, shape)),
        items(*map(number, strides)),
        FALSE,
        called('collections.OrderedDict'),
    )


def pickled(value: bytes) -> bytes:
    return b'\x80\x02' + value + b'.'


def zip_file(content: bytes, records: Mapping[str, bytes] = {}) -> bytes:
    """Return a file in the format of ``torch.save``.

    Args:
        content: the pickle.
        records: name below 'data/' -> bytes of a storage.
    """
    file = io.BytesIO()
    with zipfile.ZipFile(file, 'w') as archive:
        archive.writestr(zipfile.ZipInfo('archive/data.pkl'), content)
        archive.writestr(zipfile.ZipInfo('archive/byteorder'), 'little')
        for key, data in records.items():
            archive.writestr(zipfile.ZipInfo(f'archive/data/{key}'), data)
        archive.writestr(zipfile.ZipInfo('archive/version'), '3\n')
    return file.getvalue()


def legacy_file(content: bytes, data: bytes) -> bytes:
    """Return a file of PyTorch before 1.6 with one float storage, '0'."""
    head = [
        torch.serialization.MAGIC_NUMBER,
        torch.serialization.PROTOCOL_VERSION,
        {'little_endian': True},
    ]
    start = b''.join(pickle.dumps(value, 2) for value in head)
    size = struct.pack('<q', len(data) // 4)
    return start + content + pickle.dumps(['0'], 2) + size + data


def forged_dtype(state: bytes, code: str = 'i8') -> bytes:
    """Return a copy of a dtype whose state the pickle sets."""
    copy = called('numpy.dtype', text(code), FALSE, TRUE)
    return built(copy, state)


def plain_state(*changed: bytes) -> bytes:
    """Return a dtype's state, with other subarray, names and fields."""
    middle = (*changed, NONE, NONE, NONE)[:3]
    end = (number(-1), number(-1), number(0))
    return items(number(3), text('<'), *middle, *end)


def array(
    dtype: bytes, data: bytes, *shape: int, core: str = '_core'
) -> bytes:
    empty = called(
        f'numpy.{core}.multiarray._reconstruct',
        name('numpy.ndarray'),
        items(number(0)),
        raw(b'b'),
    )
    sizes = items(*map(number, shape))
    return built(empty, items(number(1), sizes, dtype, FALSE, raw(data)))
