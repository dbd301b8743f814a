"""What all tests share: one thread a process, no scope left behind."""

import os
from collections.abc import Iterator

# Before torch, OpenMP or matplotlib are imported by anything.
os.environ.setdefault('OMP_NUM_THREADS', '1')
os.environ.setdefault('MPLBACKEND', 'Agg')

import pytest
from mmengine.registry import DefaultScope


@pytest.fixture(autouse=True)
def own_scope() -> Iterator[None]:
    """Forget the scope that a test has set.

    Runners and mmdet's and mmseg's loaders set one for the whole process; the
    next test would look for our parts in theirs.
    """
    yield
    DefaultScope._instance_dict.clear()
