"""Registries name every registered part and import it on demand."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from mmengine.registry import MODELS as PARENT

import mixmae
from mixmae import registry as registries
from mixmae.registry import LazyRegistry

PACKAGE = Path(mixmae.__file__).parent
ALL = {
    name: value
    for name, value in vars(registries).items()
    if isinstance(value, LazyRegistry)
}


def registered() -> set[tuple[str, str, str]]:
    """Return registry, class and module of each registered class."""
    found = set()
    for path in PACKAGE.rglob('*.py'):
        module = '.'.join(
            path.relative_to(PACKAGE.parent).with_suffix('').parts
        )
        for node in ast.walk(ast.parse(path.read_text())):
            for one in getattr(node, 'decorator_list', []):
                words = ast.unparse(one).split('.')
                if len(words) > 1 and words[1].startswith('register_module'):
                    found.add((words[0], node.name, module))
    return found


def test_maps_agree_with_the_files():
    named = {
        (name, part, module)
        for name, registry in ALL.items()
        for part, module in registry.modules.items()
    }
    assert named == registered()


def test_a_part_is_found_by_its_scope_and_alone():
    swin = registries.MODELS.get('MIMSwin')
    assert PARENT.get('mixmae.MIMSwin') is swin
    assert registries.MODELS.get('mixmae.MIMSwin') is swin
    assert registries.MODELS.module_dict['MIMSwin'] is swin


def test_packages_offer_their_parts():
    import mixmae.models
    import mixmae.models.necks

    neck = mixmae.models.MixMAENeck
    assert neck is mixmae.models.necks.MixMAENeck
    with pytest.raises(AttributeError, match='no attribute'):
        _ = mixmae.models.necks.MIMSwin
    with pytest.raises(ImportError):
        from mixmae.models import NoSuchPart  # noqa: F401


def test_a_part_imports_no_other_part():
    """A named part imports no other part, in a fresh process."""
    program = (
        'import sys\n'
        'from mmengine.registry import HOOKS\n'
        'HOOKS.get("mixmae.StepSeedHook")\n'
        'print(*(m for m in sys.modules if m.startswith("mixmae.engine.h")))'
    )
    out = subprocess.run(
        [sys.executable, '-c', program],
        capture_output=True,
        text=True,
        check=True,
    )
    assert out.stdout.split() == [
        'mixmae.engine.hooks',
        'mixmae.engine.hooks.step_seed_hook',
    ]
