"""Choice of the ops to build, from a stub of torch."""

import pytest
from mmcv_ops.torch_build import Torch, choose_ops


@pytest.mark.parametrize(
    ('wanted', 'gpu', 'nvcc', 'ops'),
    [
        ('auto', False, None, 'cpu'),
        # A CUDA torch and a CUDA compiler, but no GPU.
        ('auto', False, '13.0', 'cpu'),
        ('auto', True, None, 'cpu'),
        ('auto', True, '12.8', 'cpu'),
        ('auto', True, '13.1', 'cuda'),
        ('cpu', True, '13.0', 'cpu'),
        ('cuda', False, None, 'cuda'),
    ],
)
def test_choose_ops(wanted, gpu, nvcc, ops) -> None:
    torch = Torch('2.12.1+cu130', '13.0', gpu, '9.0')
    assert choose_ops(wanted, torch, nvcc) == ops
