"""Fixture of a workshop in which tools get arbitrary input."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import EpochBasedTrainLoop, Runner, TestLoop

from mixmae.checkpoints.io.mmengine_loaders import load_only_safely
from tests.tools.workshop import Workshop


@pytest.fixture(scope='package')
def shop(tmp_path_factory) -> Iterator[Workshop]:
    """Create a workshop; training and testing stop before iterations."""
    folder = tmp_path_factory.mktemp('fuzz')
    patch = pytest.MonkeyPatch()
    patch.chdir(folder)
    patch.setattr(EpochBasedTrainLoop, 'run', lambda loop: loop.runner.model)
    patch.setattr(TestLoop, 'run', lambda loop: {})
    # Slow and not tested here.
    patch.setattr(Runner, '_log_env', lambda *_: None)
    patch.setattr(Config, 'pretty_text', property(lambda cfg: ''))
    for name in ('RANK', 'WORLD_SIZE', 'LOCAL_RANK'):
        patch.setenv(name, '0')
    patch.setenv('WORLD_SIZE', '1')
    patch.delenv('RANK')
    load_only_safely()
    yield Workshop(folder)
    patch.undo()
    torch.use_deterministic_algorithms(False)
