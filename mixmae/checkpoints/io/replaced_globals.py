"""Names allowed in a pickle in addition to ``pickle_check.TORCH_NAMES``.

Checkpoints of MMEngine (``get_torch_safe_globals()``) and of the official
MixMIM (``argparse.Namespace``) use them. None of them resolves to the object
of that name: MMEngine's list would let pickles use ``getattr``, and call and
modify NumPy's types. They resolve to classes and functions of mixmae, which
check their arguments (``saved_values``). SECURITY.md has the table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch.serialization import (
    add_safe_globals,
    clear_safe_globals,
    get_safe_globals,
)

from mixmae.checkpoints.io import saved_values as saved

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
    """Context in which ``torch.load`` accepts these and built-in names.

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
