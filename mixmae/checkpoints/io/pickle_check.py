"""Check of the pickle in a checkpoint, before PyTorch loads it.

``torch.load(weights_only=True)`` executes a pickle while it reads it, and its
own list of allowed names is wider than checkpoints need: sparse and nested
tensors, for instance, are built from indices that nothing checks. This module
reads the opcodes once without side effects, so that a pickle with any other
name is refused before its first opcode is executed.
"""

from __future__ import annotations

import io
import pickletools
import re
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO

import torch
from torch._utils import IMPORT_MAPPING, NAME_MAPPING
from torch.serialization import (
    add_safe_globals,
    clear_safe_globals,
    get_safe_globals,
)

from mixmae.checkpoints.io import saved_values as saved
from mixmae.checkpoints.io.saved_values import Malformed, NotAllowed

# Names allowed besides ``TORCH_NAMES``, of checkpoints of MMEngine
# (``get_torch_safe_globals()``) and of the official MixMIM
# (``argparse.Namespace``). None of them resolves to the object of that name:
# MMEngine's list would let pickles use ``getattr``, and call and modify
# NumPy's types. They resolve to classes and functions of mixmae, which check
# their arguments. SECURITY.md has the table.
REPLACEMENTS: Mapping[str, Any] = {
    '_codecs.encode': saved.encoded,
    'argparse.Namespace': saved.SavedNamespace,
    'builtins.bytes': saved.no_bytes,
    'builtins.getattr': saved.no_attribute,
    'builtins.slice': saved.rebuild_slice,
    'mmengine.logging.history_buffer.HistoryBuffer': saved.SavedHistory,
    'numpy.dtype': saved.SavedDtype,
    'numpy.ndarray': saved.SavedArray,
    # Names in NumPy 1 and NumPy 2.
    'numpy.core.multiarray._reconstruct': saved.rebuild_array,
    'numpy.core.multiarray.scalar': saved.rebuild_scalar,
    'numpy._core.multiarray._reconstruct': saved.rebuild_array,
    'numpy._core.multiarray.scalar': saved.rebuild_scalar,
}


def _named(name: str, replacement: Any) -> Any:
    """Return a class or function that PyTorch finds by another name."""
    module, _, name = name.rpartition('.')
    if isinstance(replacement, type):
        names = {'__slots__': (), '__module__': module}
        return type(name, (replacement,), names)

    def call(*arguments: Any) -> Any:
        return replacement(*arguments)

    call.__module__, call.__qualname__, call.__name__ = module, name, name
    return call


# Pairs of object and name need PyTorch 2.6, so objects are renamed.
_ALLOWED = [_named(*one) for one in REPLACEMENTS.items()]


@contextmanager
def only_safe_globals() -> Iterator[None]:
    """Context in which ``torch.load`` accepts replaced and built-in names.

    Other packages add to PyTorch's list, some of them NumPy's own functions.
    """
    before = list(get_safe_globals())
    clear_safe_globals()
    add_safe_globals(list(_ALLOWED))
    try:
        yield
    finally:
        clear_safe_globals()
        add_safe_globals(before)


ZIP_START = b'PK\x03\x04'
PICKLE_START = b'\x80'
# Pickles of a file that is not a zip: magic number, version, byte order,
# content, keys.
LEGACY_PICKLES = 5
# Limit of nested tuples: the hash of a tuple recurses without bound.
MAX_NESTING = 1000
OPCODES = frozenset({
    'PROTO', 'STOP', 'GLOBAL', 'REDUCE', 'BUILD', 'NEWOBJ', 'BINPERSID',
    'MARK', 'NONE', 'NEWTRUE', 'NEWFALSE', 'BININT', 'BININT1', 'BININT2',
    'LONG1', 'BINFLOAT', 'BINUNICODE', 'SHORT_BINSTRING', 'EMPTY_TUPLE',
    'EMPTY_LIST', 'EMPTY_DICT', 'EMPTY_SET', 'TUPLE', 'TUPLE1', 'TUPLE2',
    'TUPLE3', 'APPEND', 'APPENDS', 'SETITEM', 'SETITEMS', 'BINGET',
    'LONG_BINGET', 'BINPUT', 'LONG_BINPUT',
})  # fmt: skip
# Last item of a storage id; it is None in the legacy format.
STORAGE_SIZE_OPCODES = ('NONE', 'BININT', 'BININT1', 'BININT2', 'LONG1')
# Opcodes that modify an object on the stack.
MUTATING_OPCODES = ('APPEND', 'APPENDS', 'SETITEM', 'SETITEMS', 'BUILD')
# Quantized and packed dtypes hold no numbers that can be copied.
ODD_DTYPE = re.compile(r'torch\.(?:q|bits|u?int[1-7]$|float4)')
TORCH_NAMES = frozenset({
    '_codecs.encode', 'builtins.bytearray', 'builtins.complex',
    'builtins.set', 'collections.Counter', 'collections.OrderedDict',
    'torch.Size', 'torch.device', 'torch._utils._rebuild_parameter',
    'torch._utils._rebuild_tensor', 'torch._utils._rebuild_tensor_v2',
    'torch._utils._rebuild_tensor_v3', 'torch.storage.UntypedStorage',
    *(f'torch.{kind}Storage' for kind in (
        'Double', 'Float', 'Half', 'BFloat16', 'Long', 'Int', 'Short', 'Char',
        'Byte', 'Bool', 'ComplexDouble', 'ComplexFloat',
    )),
    *(
        str(value) for value in vars(torch).values()
        if isinstance(value, torch.dtype) and not ODD_DTYPE.match(str(value))
    ),
})  # fmt: skip
NAMES = TORCH_NAMES | REPLACEMENTS.keys()


class _Item:
    """Value that an opcode puts on the stack.

    Attributes:
        opcode: Name of the opcode.
        nesting: Maximum nesting depth of the value.
        last: For a tuple, the opcode of its last item.
    """

    __slots__ = ('last', 'nesting', 'opcode')

    def __init__(self, opcode: str, items: list[_Item]) -> None:
        self.opcode = opcode
        self.nesting = _nesting(items)
        self.last = items[-1].opcode if items else ''


def check_pickles(file: BinaryIO) -> None:
    """Check all pickles that ``torch.load`` would execute.

    Args:
        file: At its beginning; its position afterwards is undefined.

    Raises:
        NotAllowed: A pickle uses a name that weights do not need, or the file
            is a TorchScript program or a tar file.
        Malformed: A pickle does what ``torch.save`` never writes.
        ValueError: The file does not begin like a checkpoint.
        Exception: Of any type, for a damaged file.
    """
    start = file.read(len(ZIP_START))
    file.seek(0)
    if start == ZIP_START:
        reader = torch._C.PyTorchFileReader(file)
        if 'constants.pkl' in reader.get_all_records():
            raise NotAllowed('is a TorchScript program')
        _check_pickle(io.BytesIO(reader.get_record('data.pkl')))
        return
    # PyTorch checks for this too; some releases run the code in it.
    if tarfile.is_tarfile(file):
        raise NotAllowed('is a tar file')
    file.seek(0)
    if not start.startswith(PICKLE_START):
        raise ValueError('it does not begin like a file written by torch.save')
    for _ in range(LEGACY_PICKLES):
        _check_pickle(file)


def _check_pickle(file: Any) -> None:
    """Replay the opcodes on a stack of opcode names and depths."""
    stack: list[_Item] = []
    marks: list[int] = []
    memo: dict[int, _Item] = {}
    argument: Any
    for opcode, argument, _ in pickletools.genops(file):
        name = opcode.name
        if name not in OPCODES:
            raise ValueError(f'its pickle has the opcode {name}')
        if name == 'GLOBAL':
            _check_name(argument)
        if name == 'MARK':
            marks.append(len(stack))
        elif name.endswith('BINGET'):
            stack.append(memo[argument])
        elif name.endswith('BINPUT'):
            memo[argument] = stack[-1]
        else:
            items = _taken(opcode, stack, marks)
            if name in MUTATING_OPCODES:
                # The object grows, also where other values contain it.
                items[0].nesting = max(items[0].nesting, _nesting(items[1:]))
                stack.append(items[0])
            elif opcode.stack_after:
                stack.append(_Item(name, items))
            if (
                name == 'BINPERSID'
                and items[0].last not in STORAGE_SIZE_OPCODES
            ):
                # A view outlives its storage if that is resized.
                raise Malformed('a view of a part of a storage')
            if stack and stack[-1].nesting > MAX_NESTING:
                raise Malformed(f'more than {MAX_NESTING} nested values')


def _taken(opcode: Any, stack: list[_Item], marks: list[int]) -> list[_Item]:
    """Remove the arguments of an opcode from the stack."""
    before = opcode.stack_before
    start = len(stack) - len(before)
    lowest = marks[-1] if marks else 0
    if pickletools.markobject in before:
        start = marks.pop() - before.index(pickletools.markobject)
        lowest = marks[-1] if marks else 0
    if start < lowest:
        raise ValueError('its pickle pops more values than its stack has')
    items = stack[start:]
    del stack[start:]
    return items


def _nesting(items: list[_Item]) -> int:
    return max((one.nesting + 1 for one in items), default=0)


def _check_name(argument: str) -> None:
    module, _, name = argument.partition(' ')
    # Files of Python 2, and of protocol 2, use Python 2 names.
    if (module, name) in NAME_MAPPING:
        module, name = NAME_MAPPING[module, name]
    else:
        module = IMPORT_MAPPING.get(module, module)
    full = f'{module}.{name}'
    if full not in NAMES:
        raise NotAllowed(f'wants to run {full}')
