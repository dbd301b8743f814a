"""Old module names resolve to the new ones, with a warning."""

import subprocess
import sys
from importlib import import_module

import pytest

from mixmae.renamed_modules import MODULES, NAMES


@pytest.mark.parametrize('old', MODULES)
def test_an_old_name_is_the_new_module(old):
    new = import_module(f'mixmae.{MODULES[old]}')
    with pytest.warns(FutureWarning, match=f'mixmae.{MODULES[old]}'):
        sys.modules.pop(f'mixmae.{old}', None)
        module = import_module(f'mixmae.{old}')
    defined = [
        name
        for name, value in vars(new).items()
        if getattr(value, '__module__', None) == new.__name__
    ]
    for name in defined:
        assert getattr(module, name) is getattr(new, name)
    for name in NAMES:
        if NAMES[name] in defined:
            within, _, last = name.rpartition('.')
            if within in ('', old):
                assert getattr(module, last) is getattr(new, NAMES[name])
    with pytest.raises(AttributeError):
        _ = module.no_such_name


def test_a_fresh_process_and_unknown_names():
    program = (
        'from mixmae.datasets.broken_image_error import BrokenImageError\n'
        'from mixmae.datasets.shards import packing\n'
        'assert packing.pack\n'
        'import mixmae.engine.nothing_of_the_kind'
    )
    done = subprocess.run(
        [sys.executable, '-c', program],
        capture_output=True,
        text=True,
        check=False,
    )
    last = done.stderr.strip().splitlines()[-1]
    assert "No module named 'mixmae.engine.nothing_of_the_kind'" in last
