"""A training step never waits for a GPU; tested without one.

Fake tensors have a device and a shape, and no values. Whoever asks for a
value (``item``, ``nonzero``, ``unique``, a mask as an index) would make the
host wait for the device, and fails here.
"""

import pytest
import torch
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensorMode,
)
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from mixmae.structures import CellMask
from tests.models.parts import (
    TINY_PVT,
    random_mask,
    tiny_model,
)
from tests.models.um_parts import um_mask, um_model

# Windows of the first and third stage are padded.
WINDOWS = {'window_sizes': (7, 8, 3, 4)}
CASES = {
    'MixMAE': (lambda: tiny_model(WINDOWS), random_mask),
    'MixMAE, PVT': (lambda: tiny_model(tiny=TINY_PVT), random_mask),
    'UM-MAE': (um_model, lambda: um_mask(batch=4)),
}


class Crossings(TorchDispatchMode):
    """Counts operations between two devices; 0-d CPU tensors are allowed."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        devices = {
            x.device.type
            for x in tree_leaves((args, kwargs, out))
            if isinstance(x, torch.Tensor) and x.dim()
        }
        if len(devices) > 1:
            self.seen.add(str(function))
        return out


def fake(case: str, device: str):
    """Return a model without values, images and a mask, in a fake mode."""
    model, mask = case
    model.to_empty(device=device).train()

    def moved(x):
        if x is not None:
            return torch.empty(x.shape, dtype=x.dtype, device=device)
        return None

    mask = CellMask(
        moved(mask.hidden),
        mask.cell,
        moved(mask.secondary),
        mask.num_hidden,
        mask.one_in_four,
    )
    return model, torch.empty(4, 3, 64, 64, device=device), mask


@pytest.mark.parametrize('case', CASES)
def test_forward_on_a_gpu(case):
    build, mask = CASES[case]
    made = build(), mask()
    with FakeTensorMode(allow_non_fake_inputs=True):
        model, images, mask = fake(made, 'cuda')
        with Crossings() as crossings, torch.autocast('cuda'):
            loss = model.loss(images, mask)['loss']
    assert loss.device.type == 'cuda'
    assert not crossings.seen


@pytest.mark.parametrize('case', ['MixMAE', 'UM-MAE'])
def test_backward(case):
    """On another device than a GPU, as autograd needs a real one."""
    build, mask = CASES[case]
    made = build(), mask()
    for part in made[0].modules():
        if hasattr(part, 'scores'):
            part.scores = 'kept'
    with FakeTensorMode(allow_non_fake_inputs=True):
        model, images, mask = fake(made, 'cpu')
        model.loss(images, mask)['loss'].backward()
    assert all(p.grad is not None for p in model.backbone.parameters())


def test_reading_a_value_fails():
    with FakeTensorMode(allow_non_fake_inputs=True):
        x = torch.empty(3, device='cuda')
        with pytest.raises(DataDependentOutputException):
            x.sum().item()
        with pytest.raises(DynamicOutputShapeException):
            x[x > 0]
        with Crossings() as crossings:
            x.cpu()
        assert crossings.seen == {'aten._to_copy.default'}
