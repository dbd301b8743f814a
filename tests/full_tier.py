"""Packages of the full tier, which some tests need."""

import os

import pytest


def require_full_tier() -> None:
    """Skip unless the full tier is installed; `make test` requires it."""
    if os.environ.get('MIXMAE_FULL_TIER') != '1':
        pytest.importorskip('mmcv.ops', reason='no full tier: `make test`')
