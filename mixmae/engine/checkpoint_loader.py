"""Deprecated: ``mixmae.checkpoints.io.checkpoint_loader``."""

import warnings

from mixmae.checkpoints.io.checkpoint_loader import *  # noqa: F403
from mixmae.checkpoints.io.checkpoint_loader import (
    load_only_safely as load_only_safely,
)

warnings.warn(
    'mixmae.engine.checkpoint_loader is now '
    'mixmae.checkpoints.io.checkpoint_loader; the old name will be removed in '
    'the next minor version',
    FutureWarning,
    stacklevel=2,
)
