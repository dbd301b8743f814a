"""Values of the throughput log, without a run."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.logging import MessageHub
from mmengine.optim import OptimWrapper

from mixmae.engine.hooks import throughput_hook
from mixmae.engine.hooks.throughput_hook import (
    ThroughputHook,
    ThroughputLogProcessor,
)
from mixmae.profiling.throughput import Throughput

IMAGE = torch.zeros(3, 8, 8)
SAMPLES = dict(data_samples=[None, None, None])


@pytest.mark.parametrize(
    'batch, count, shape',
    [
        (dict(inputs=torch.zeros(2, 3, 8, 8)), 2, (3, 8, 8)),
        (dict(inputs=[IMAGE, IMAGE]), 2, (3, 8, 8)),
        # Two views, several inputs, and other values.
        (dict(inputs=[IMAGE[None]] * 2, **SAMPLES), 3, None),
        (dict(inputs=[[IMAGE], [IMAGE]], **SAMPLES), 3, None),
        (dict(inputs=dict(img=[IMAGE]), **SAMPLES), 3, None),
        (dict(inputs=dict(img=[IMAGE])), 0, None),
        (dict(inputs=torch.zeros(5, 2)), 5, None),
        (dict(inputs=[]), 0, None),
        ({}, 0, None),
        ([IMAGE], 0, None),
        (None, 0, None),
    ],
)
def test_batches_of_any_kind(batch, count, shape):
    hook = ThroughputHook()
    hook._throughput = Throughput(warm_up=0)
    hook.after_train_iter(None, 0, batch)
    assert hook._throughput.latest[-1].images == count
    assert hook._image_shape == shape
    plain = ThroughputHook(mfu=False)
    plain.after_train_iter(None, 0, batch)
    assert plain._image_shape is None


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_known_dtypes_have_a_utilisation(dtype):
    wrapper = OptimWrapper(torch.optim.SGD([torch.zeros(1)], lr=0.1))
    assert throughput_hook._dtype(wrapper) == torch.float32
    wrapper.cast_dtype = dtype
    assert throughput_hook._dtype(wrapper) == dtype


def test_metrics_of_a_validation_are_its_own():
    """Losses and times are means, also with a prefix of the mode."""
    hub = MessageHub.get_instance('log processor')
    values = {'reconstruction/loss': 1.0, 'time': 1.0, 'loss_cls': 1.0}
    for value in (3.0, 1.0):
        for name in values:
            hub.update_scalar(f'val/{name}', value)
    loop = SimpleNamespace(dataloader=[0, 0])
    runner = SimpleNamespace(
        message_hub=hub,
        epoch=2,
        train_loop=loop,
        _train_loop=loop,
        val_loop=loop,
    )
    runner.val_dataloader = runner.train_dataloader = loop.dataloader
    for hierarchy in (False, True):
        processor = ThroughputLogProcessor(
            window_size=50, log_with_hierarchy=hierarchy
        )
        tag, _ = processor.get_log_after_epoch(runner, 2, 'val')
        prefix = 'val/' if hierarchy else ''
        assert tag[f'{prefix}reconstruction/loss'] == 1
        assert tag[f'{prefix}loss_cls'] == 2
