"""Random combinations of values that no program saves."""

from __future__ import annotations

import random
from collections.abc import Callable

from mixmae.checkpoints.io.pickle_check import NAMES
from tests.fuzz import opcodes as op

# Numbers at which sizes and offsets go wrong.
EDGES = (
    -(2**63), -(2**40), -(2**31), -1, 0, 1, 2, 7, 255, 2**16, 2**31 - 1,
    2**31, 2**32, 2**40, 2**62, 2**63 - 1, 2**64,
)  # fmt: skip
# In addition to allowed names: names that would lead out.
OTHER_NAMES = (
    'os.system', 'builtins.eval', 'numpy.dtypes.Int64DType',
    'numpy.dtypes.ObjectDType', 'numpy.float64', 'torch.Tensor',
    'torch.FloatTensor', 'torch.nn.parameter.Parameter',
    'torch._utils._rebuild_sparse_tensor', 'torch._utils._rebuild_qtensor',
    'torch._utils._rebuild_nested_tensor',
    'torch._tensor._rebuild_from_type_v2',
    'torch._utils._rebuild_wrapper_subclass', 'torch.storage.TypedStorage',
    'torch._utils._rebuild_meta_tensor_no_storage', 'collections.deque',
    'torch._utils._rebuild_device_tensor_from_numpy', '.', 'a.b.c',
)  # fmt: skip
POOL = (*sorted(NAMES), *OTHER_NAMES)
CODES = (
    'O', 'V8', 'U3', 'S0', 'i8', 'f8', 'M8[D]', 'O8', 'i8,i8', '(2,)i8', '|O',
    'x', '', 'c16', 'f16', '>i4', 'b1', 'object', 'float64',
)  # fmt: skip
# Values in values.
DEEPEST = 3


def forged_value(random: random.Random, depth: int = 0) -> bytes:
    """Return opcodes that push one value on the stack."""
    kinds = SIMPLE if depth >= DEEPEST else (*SIMPLE, *COMPOSED, *COMPOSED)
    return random.choice(kinds)(random, depth + 1)


def use_of(random: random.Random, name: bytes) -> bytes:
    """Return opcodes that call a name or create or build an object of it."""
    values = _values(random, 1)
    return name + random.choice(
        (
            values + b'R',
            values + b'\x81',
            op.EMPTY + b'\x81' + forged_value(random, 1) + b'b',
        )
    )


def _number(random: random.Random, _: int = 0) -> bytes:
    return op.number(random.choice(EDGES))


def _text(random: random.Random, _: int = 0) -> bytes:
    return op.text(random.choice(CODES))


def _bytes(random: random.Random, _: int = 0) -> bytes:
    return op.raw(random.randbytes(random.choice((0, 1, 8, 8, 64))))


def _name(random: random.Random, _: int = 0) -> bytes:
    return op.name(random.choice(POOL))


def _values(random: random.Random, depth: int) -> bytes:
    count = random.randrange(5)
    return op.items(*(forged_value(random, depth) for _ in range(count)))


def _list(random: random.Random, depth: int) -> bytes:
    return b']' + forged_value(random, depth) + b'a'


def _dict(random: random.Random, depth: int) -> bytes:
    key = random.choice((_text, _text, forged_value))(random, depth)
    return b'}' + key + forged_value(random, depth) + b's'


def _set(random: random.Random, depth: int) -> bytes:
    inside = random.choice((_list, _array_call, forged_value))
    return op.called('builtins.set', inside(random, depth))


def _dtype(random: random.Random, depth: int) -> bytes:
    """Return opcodes of a dtype, or of a copy with another state."""
    plain = op.called('numpy.dtype', _text(random))
    if depth > DEEPEST or random.random() < 0.3:
        return plain
    code = random.choice(('i8', 'f8', 'V8', 'i4', random.choice(CODES)))
    inner = random.choice((op.called('numpy.dtype', op.text('O')), plain))
    size = op.number(random.choice((1, 1, 8, 10**6, random.choice(EDGES))))
    shape = random.choice((op.items(size), size))
    parts = {
        'subarray': (op.items(inner, shape),),
        'fields': (
            op.NONE,
            op.items(op.text('a')),
            op.entries(a=op.items(inner, _number(random))),
        ),
        'anything': tuple(forged_value(random, depth) for _ in range(3)),
        'nothing': (),
    }
    state = op.plain_state(*parts[random.choice(list(parts))])
    return op.forged_dtype(state, code)


def _array_call(random: random.Random, depth: int) -> bytes:
    shape = random.choice((op.EMPTY, op.items(_number(random))))
    dtype = _dtype(random, depth)
    return op.called('numpy.ndarray', shape, dtype, _bytes(random))


def _array(random: random.Random, depth: int) -> bytes:
    shape = [random.choice((1, 8, random.choice(EDGES)))]
    data = random.randbytes(random.choice((0, 8, 64)))
    return op.array(_dtype(random, depth), data, *shape)


def _scalar(random: random.Random, depth: int) -> bytes:
    dtype = _dtype(random, depth)
    name = 'numpy._core.multiarray.scalar'
    return op.called(name, dtype, _bytes(random))


def _tensor(random: random.Random, _: int) -> bytes:
    sizes = [random.choice((1, 2, random.choice(EDGES))) for _ in range(2)]
    kind = random.choice(('Float', 'Long', 'Bool', 'ComplexDouble', 'QInt8'))
    # Of the sixteen bytes that there are.
    numel = random.choice((4, 2, 16, random.choice(EDGES)))
    views = ((), (), (), (op.NONE,), (op.items(op.text('v')),))
    view = random.choice(views)
    offset = random.choice((0, 0, random.choice(EDGES)))
    place = op.storage(numel, kind, *view)
    return op.tensor(place, *sizes, offset=offset)


def _sparse(random: random.Random, depth: int) -> bytes:
    layout = op.called(
        'torch.serialization._get_layout', op.text('torch.sparse_coo')
    )
    data = [_tensor(random, depth), _tensor(random, depth), _values(random, 3)]
    function = 'torch._utils._rebuild_sparse_tensor'
    return op.called(function, layout, op.items(*data))


def _use(random: random.Random, depth: int) -> bytes:
    return use_of(random, _name(random)) if depth < DEEPEST else op.NONE


def _deep(random: random.Random, _: int) -> bytes:
    return op.EMPTY + b'\x85' * random.choice((5, 500, 200_000))


Kind = Callable[[random.Random, int], bytes]
SIMPLE: tuple[Kind, ...] = (
    lambda *_: op.NONE,
    lambda *_: op.EMPTY,
    lambda *_: op.TRUE,
    _number, _text, _bytes, _name,
)  # fmt: skip
COMPOSED: tuple[Kind, ...] = (
    _values, _list, _dict, _set, _set, _dtype, _array_call, _array, _scalar,
    _tensor, _sparse, _use, _deep,
)  # fmt: skip
