"""Random numbers of a training, left unchanged by probes and pictures."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def preserved_random_state() -> Iterator[None]:
    """Restore the generators of Python, NumPy and PyTorch on exit.

    The generators of all CUDA devices are restored too if CUDA is in use.
    """
    gpus = torch.cuda.device_count() if torch.cuda.is_initialized() else 0
    python_state = random.getstate()
    numpy_state = np.random.get_state()
    try:
        with torch.random.fork_rng(range(gpus)):
            yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)
