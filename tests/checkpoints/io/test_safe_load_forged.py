"""Pickles that call allowed names with arguments that no program saves.

Each is read in a process of its own: most of them crash a reader that lets
NumPy or PyTorch have their arguments.
"""

import struct

import pytest

from mixmae.checkpoints.io.safe_load import safe_load_bytes
from tests.fuzz.forked_outcome import outcome
from tests.fuzz.opcodes import (
    EMPTY,
    FALSE,
    NONE,
    array,
    built,
    called,
    entries,
    forged_dtype,
    items,
    legacy_file,
    name,
    number,
    pickled,
    plain_state,
    raw,
    storage,
    tensor,
    text,
    zip_file,
)

ADDRESS = struct.pack('<Q', 0x4141414141414141)
OBJECT = called('numpy.dtype', text('O'))
# An int64 in its flags, and one object where an array is made of it.
POINTER = forged_dtype(plain_state(items(OBJECT, items(number(1)))))
# More numbers than the file contains.
LONG = forged_dtype(
    plain_state(items(called('numpy.dtype', text('i8')), items(number(10**6))))
)
FIELDS = forged_dtype(
    plain_state(NONE, items(text('a')), entries(a=items(OBJECT, number(0)))),
    'V8',
)
# Python's hash would recurse through the first tuple.
DEEP = EMPTY + b'\x85' * 10**6
NESTED_LISTS = b'](' * 10**5 + b'e' * 10**5
INDICES = tensor(storage(2, 'Long'), 1, 1)
LAYOUT = called('torch.serialization._get_layout', text('torch.sparse_coo'))


def array_call(dtype: bytes) -> bytes:
    return called('numpy.ndarray', items(), dtype, raw(ADDRESS))


def scalar(dtype: bytes) -> bytes:
    return called('numpy._core.multiarray.scalar', dtype, raw(ADDRESS))


FORGED = {
    'array over a pointer': called('builtins.set', array_call(POINTER)),
    'array beyond its bytes': called('builtins.set', array_call(LONG)),
    'array of fields': array_call(FIELDS),
    'array of plain numbers by call': array_call(forged_dtype(plain_state())),
    'content over a pointer': array(POINTER, ADDRESS, 1),
    'content beyond its bytes': array(LONG, ADDRESS, 1),
    'content of objects': array(OBJECT, ADDRESS, 1),
    'content of a list': built(
        called(
            'numpy._core.multiarray._reconstruct',
            name('numpy.ndarray'),
            items(number(0)),
            raw(b'b'),
        ),
        items(number(1), items(number(1)), OBJECT, FALSE, b'](NNe'),
    ),
    'shape of another size': array(forged_dtype(plain_state()), ADDRESS, 9),
    'shape below zero': array(
        forged_dtype(plain_state()), ADDRESS, -1, -1
    ),
    'many axes': array(forged_dtype(plain_state()), ADDRESS, *[1] * 99),
    'array of another class': called(
        'numpy._core.multiarray._reconstruct',
        name('collections.OrderedDict'),
        items(number(0)),
        raw(b'b'),
    ),
    'array without content': name('numpy.ndarray') + EMPTY + b'\x81',
    'dtype without name': name('numpy.dtype') + EMPTY + b'\x81',
    'scalar over a pointer': scalar(POINTER),
    'scalar of an object': scalar(OBJECT),
    'scalar of more bytes': scalar(forged_dtype(plain_state(), 'i4')),
    'state of a real dtype': built(
        called('numpy.dtype', text('i8')),
        plain_state(items(OBJECT, items(number(1)))),
    ),
    'key of many tuples': b'}' + DEEP + NONE + b's',
    'set of many tuples': called('builtins.set', b'](' + DEEP + b'e'),
    'many lists': NESTED_LISTS,
    'list in itself': b']q\x07h\x07a',
    'sparse indices': called(
        'torch._utils._rebuild_sparse_tensor',
        LAYOUT,
        items(INDICES, tensor(storage(4), 1), items(number(3))),
    ),
    'nested tensor': called(
        'torch._utils._rebuild_nested_tensor', INDICES, INDICES, INDICES,
        INDICES,
    ),
    'tensor without data': called(
        'torch._utils._rebuild_meta_tensor_no_storage',
        name('torch.float32'),
        items(number(4)),
        items(number(1)),
        FALSE,
    ),
    'quantized tensor': tensor(storage(16, 'QInt8'), 16),
    'packed tensor': tensor(storage(16, 'QUInt4x2'), 32),
    'tensor by its class': called('torch.FloatTensor', number(2**40)),
    'attributes of a tensor': called(
        'torch._tensor._rebuild_from_type_v2',
        name('torch._utils._rebuild_tensor_v2'),
        name('torch.Tensor'),
        items(),
        entries(data=NONE),
    ),
    'hooks of a tensor': called(
        'torch._utils._rebuild_tensor_v2', storage(4), number(0),
        items(number(4)), items(number(1)), FALSE, text('no dict'),
    ),
    'tensor beyond its storage': tensor(storage(4), 10**6),
    'storage beyond its record': tensor(storage(10**6), 10**6),
    'offset below zero': tensor(storage(4), 1, offset=-(2**40)),
    'size below zero': tensor(storage(4), -4),
    'size that overflows': tensor(storage(4), 2**32, 2**32),
    'methods of a dict': built(
        called('collections.OrderedDict'),
        entries(items=name('builtins.set')),
    ),
    'class of a namespace': built(
        name('argparse.Namespace') + EMPTY + b'\x81',
        items(
            NONE,
            entries(
                __class__=name(
                    'mmengine.logging.history_buffer.HistoryBuffer'
                )
            ),
        ),
    ),
    'a function as value': name('torch._utils._rebuild_tensor'),
    'a storage as value': storage(4),
    'attribute by name': called(
        'builtins.getattr', name('numpy.ndarray'), text('ctypes')
    ) + EMPTY + b'R',
    'import': name('os.system'),
    'unknown name': name('torch._utils._rebuild_tensor_v9'),
    'memory': called('builtins.bytearray', number(2**45)),
}  # fmt: skip


@pytest.mark.parametrize('kind', FORGED)
def test_forged_values_are_refused_in_one_line(kind):
    content = pickled(entries(state_dict=entries(x=FORGED[kind])))
    data = zip_file(content, {'0': bytes(16)})
    said = outcome(lambda: safe_load_bytes(data, 'forged.pth'))
    assert said.startswith('refused: forged.pth '), said
    assert '\n' not in said and len(said) < 600


def test_a_view_of_a_resized_storage():
    """The old format has views into storages, which can be resized."""
    view = items(text('v'), number(0), number(4))
    first = tensor(storage(4, 'Float', view), 4)
    grown = tensor(storage(4, 'Float', NONE), 10**6)
    data = legacy_file(pickled(entries(a=first, b=grown)), bytes(16))
    said = outcome(lambda: safe_load_bytes(data, 'forged.pth'))
    assert said.startswith('refused: forged.pth '), said


@pytest.mark.parametrize('legacy', [False, True])
def test_the_same_opcodes_with_valid_arguments_load(legacy):
    """Otherwise errors of the test's own opcodes could cause the refusals."""
    end = (NONE,) if legacy else ()
    content = pickled(
        entries(
            x=tensor(storage(4, 'Float', *end), 2, 2),
            y=array(forged_dtype(plain_state()), bytes(16), 2),
            z=scalar(forged_dtype(plain_state())),
            old=array(
                forged_dtype(plain_state(), 'f4'), bytes(8), 2, core='core'
            ),
        )
    )
    records = {'0': bytes(16)}
    data = (
        legacy_file(content, bytes(16))
        if legacy
        else zip_file(content, records)
    )
    found = safe_load_bytes(data, 'x')
    assert found['x'].tolist() == [[0, 0], [0, 0]]
    assert found['y'].tolist() == [0, 0] and found['old'].dtype == 'float32'
    assert found['z'] == 0x4141414141414141
