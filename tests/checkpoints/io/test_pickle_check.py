"""Check of a pickle before PyTorch executes it."""

import io
import pickle
import sys
import tarfile

import pytest
import torch
from torch import _weights_only_unpickler as unpickler

from mixmae.checkpoints.io.pickle_check import (
    MAX_NESTING,
    NAMES,
    REPLACEMENTS,
    TORCH_NAMES,
    check_pickles,
)
from mixmae.checkpoints.io.safe_load import safe_load_bytes
from mixmae.checkpoints.io.saved_values import Malformed, NotAllowed
from tests.fuzz import opcodes as op
from tests.fuzz.samples import KINDS, saved


def check(content: bytes) -> None:
    check_pickles(io.BytesIO(op.zip_file(op.pickled(content))))


def test_our_names_are_a_subset_of_pytorchs():
    theirs = unpickler._get_allowed_globals()
    ours = TORCH_NAMES - REPLACEMENTS.keys()
    assert ours <= theirs.keys() and len(ours) > 30
    assert TORCH_NAMES | REPLACEMENTS.keys() == NAMES
    # The rest are number types, which call nothing.
    called = {name for name in ours if callable(theirs[name])}
    rebuilding = {name for name in called if 'torch._utils.' in name}
    assert called - rebuilding == {
        'builtins.bytearray',
        'builtins.complex',
        'builtins.set',
        'collections.Counter',
        'collections.OrderedDict',
        'torch.Size',
        'torch.device',
        'torch.storage.UntypedStorage',
    }
    assert len(rebuilding) == 4


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('new', [True, False])
def test_checkpoints_pass(kind, new):
    check_pickles(io.BytesIO(saved(KINDS[kind](), new)))


def test_names_are_refused_without_import():
    here = 'wants to run os.system'
    with pytest.raises(NotAllowed, match=here):
        check(op.name('os.system'))
    # Installed, but not imported: the name alone does not import it.
    assert 'turtledemo' not in sys.modules
    with pytest.raises(NotAllowed, match='wants to run turtledemo.clock.main'):
        check(op.name('turtledemo.clock.main'))
    assert 'turtledemo' not in sys.modules
    # Of a package that is not installed here, or of no package.
    for name in ('no_such_package.x', 'os.no_such_name', 'torch.no.x', '.'):
        with pytest.raises(NotAllowed, match=f'wants to run {name}'):
            check(op.name(name))
    # As protocol 2 writes names of Python 3.
    with pytest.raises(NotAllowed, match='wants to run builtins.print'):
        check(op.name('__builtin__.print'))


def test_nesting():
    check(op.EMPTY + b'\x85' * MAX_NESTING)
    for step in (b'\x85', b'q\x01h\x01\x86'):
        with pytest.raises(Malformed, match='nested values'):
            check(op.EMPTY + step * (MAX_NESTING + 1))
    # A list that grows while it is in others.
    with pytest.raises(Malformed, match='nested values'):
        check(b']' + b'q\x01](h\x01e' * (MAX_NESTING + 1))


def test_other_files_of_pytorch():
    file = io.BytesIO()
    torch.jit.save(torch.jit.script(torch.nn.Linear(1, 1)), file)
    with pytest.raises(ValueError, match='x cannot be loaded safely: it is'):
        safe_load_bytes(file.getvalue(), 'x')
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode='w') as tar:
        tar.addfile(tarfile.TarInfo('pickle'))
    with pytest.raises(ValueError, match='it is a tar file'):
        safe_load_bytes(file.getvalue(), 'x')


@pytest.mark.parametrize('protocol', [0, 3, 4, 5])
def test_other_protocols(protocol):
    """PyTorch executes protocol 2 only, which ``torch.save`` writes."""
    file = io.BytesIO()
    torch.save({'a': b'bytes'}, file, pickle_protocol=protocol)
    with pytest.raises(
        ValueError, match='^x is not a readable checkpoint: it'
    ):
        safe_load_bytes(file.getvalue(), 'x')
    plain = pickle.dumps({'a': 1}, protocol)
    with pytest.raises(ValueError, match='^x is not a readable checkpoint: '):
        safe_load_bytes(plain, 'x')
