"""Unusable environments are refused with a command that repairs them."""

import subprocess
import sys

import pytest

from mixmae.version import check_mmengine, check_torch, version_numbers


@pytest.mark.parametrize(
    ('version', 'numbers'),
    [
        ('2.12.1+cu130', (2, 12, 1)),
        ('2.14.0a0+git12', (2, 14, 0)),
        ('0.10.8rc1', (0, 10, 8)),
        ('unknown', ()),
    ],
)
def test_release(version: str, numbers: tuple[int, ...]) -> None:
    assert version_numbers(version) == numbers


@pytest.mark.parametrize('version', ['2.4.0', '2.12.1+cpu', '3.0'])
def test_torch_is_recent_enough(version: str) -> None:
    check_torch(version)


@pytest.mark.parametrize(
    ('version', 'found'), [('2.3.1', '2.3.1'), (None, '')]
)
def test_torch_is_refused(version: str | None, found: str) -> None:
    with pytest.raises(ImportError, match=f'torch>=2.4.*{found}.*pip install'):
        check_torch(version, importable=False)


def test_a_checkout_without_metadata_is_trusted() -> None:
    check_torch(None, importable=True)
    check_mmengine(None, None, importable=True)


def test_the_fork_alone_is_accepted() -> None:
    check_mmengine('0.10.12', None)


@pytest.mark.parametrize(
    ('fork', 'upstream', 'words'),
    [
        (None, None, 'not installed'),
        ('0.10.11', None, 'found 0.10.11'),
        (None, '0.10.7', 'found mmengine 0.10.7'),
        ('0.10.12', '0.10.7', 'overwrite each other'),
    ],
)
def test_mmengine_is_refused(
    fork: str | None, upstream: str | None, words: str
) -> None:
    with pytest.raises(ImportError, match=words) as caught:
        check_mmengine(fork, upstream, importable=False)
    assert 'onedl-mmengine>=0.10.12' in str(caught.value)
    assert 'pip install' in str(caught.value)


def test_import_loads_no_heavy_package() -> None:
    heavy = "{'torch', 'mmengine', 'mmcv', 'mmpretrain', 'numpy'}"
    code = f'import sys, mixmae; print({heavy} & set(sys.modules))'
    done = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True
    )
    assert done.stdout.strip() == 'set()', done.stderr
