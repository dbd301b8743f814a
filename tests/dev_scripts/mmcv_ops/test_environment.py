"""Packages of an environment, without an installation."""

from pathlib import Path

import pytest
from mmcv_ops import environment
from mmcv_ops.environment import pinned, swap_in
from mmcv_ops.messages import OpsError


def test_pinned() -> None:
    assert pinned('mmcv-lite') == '2.2.0'
    with pytest.raises(OpsError, match='no-such-package'):
        pinned('no-such-package')


def test_a_failed_swap_restores_mmcv_lite(monkeypatch) -> None:
    calls = []
    monkeypatch.setattr(environment, 'pip', lambda *a, **k: calls.append(a))
    monkeypatch.setattr(environment, 'run_check', lambda check: 'no')
    with pytest.raises(OpsError, match='does not import: no'):
        swap_in(Path('some.whl'), 'check')
    assert calls[-1] == ('install', '--no-deps', 'mmcv-lite==2.2.0')
