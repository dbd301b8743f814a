import os
import subprocess
import sys
from datetime import timedelta

import pytest
import torch
from mmengine.model import MMDistributedDataParallel
from mmengine.structures import BaseDataElement
from torch import distributed, multiprocessing, nn

from mixmae.registry import MODELS
from mixmae.structures import CellMask
from tests.engine.tiny_run import (
    MODEL,
    ROOT,
    loader,
    tiny_config,
    write_config,
)

MASK = CellMask(torch.rand(1, 4, 4, generator=torch.manual_seed(1)) < 0.5, 8)


def build() -> nn.Module:
    torch.manual_seed(0)
    model = MODELS.build(MODEL)
    model.init_weights()
    return model.double()


def batch(first: int, last: int) -> dict:
    generator = torch.Generator().manual_seed(5)
    images = torch.randint(0, 256, (6, 3, 32, 32), generator=generator)
    inputs = images.to(torch.uint8)[first:last]
    samples = [BaseDataElement() for _ in inputs]
    return dict(inputs=inputs, data_samples=samples, mask=MASK)


def gradients(model: nn.Module, data: dict) -> list[torch.Tensor]:
    inner = getattr(model, 'module', model)
    losses = model(**inner.data_preprocessor(data, True), mode='loss')
    losses['loss'].backward()
    return [p.grad for p in model.parameters() if p.requires_grad]


def train_half(rank: int, folder: str) -> None:
    """One of two ranks: the gradients of its half of the batch."""
    torch.set_num_threads(1)
    distributed.init_process_group(
        'gloo',
        init_method=f'file://{folder}/rendezvous',
        rank=rank,
        world_size=2,
        timeout=timedelta(seconds=60),
    )
    model = MMDistributedDataParallel(build(), broadcast_buffers=False)
    found = gradients(model, batch(3 * rank, 3 * rank + 3))
    if rank == 0:
        torch.save(found, f'{folder}/gradients.pth')
    distributed.destroy_process_group()


@pytest.mark.slow
def test_two_ranks_equal_one_with_the_doubled_batch(tmp_path):
    multiprocessing.spawn(train_half, (str(tmp_path),), nprocs=2)
    found = torch.load(tmp_path / 'gradients.pth')
    expected = gradients(build(), batch(0, 6))
    assert len(found) == len(expected) > 10
    for ours, whole in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, whole, rtol=1e-6, atol=1e-12)
    # Not because they all vanish.
    assert sum(float(g.abs().sum()) for g in expected) > 1e-2


@pytest.mark.slow
def test_dist_train_trains_two_processes(tmp_path):
    config = tiny_config(tmp_path / 'run')
    config['train_cfg']['max_epochs'] = 1
    config['log_level'] = 'INFO'
    # Each rank extracts the features of its share of 7 images.
    probe = dict(train_dataloader=loader(7, 3), val_dataloader=loader(7, 3))
    config['custom_hooks'] = [dict(type='ProbeHook', k=1, **probe)]
    path = write_config(tmp_path / 'tiny.py', config)
    environment = dict(os.environ, PYTHONPATH=str(ROOT), OMP_NUM_THREADS='1')
    environment.update(CUDA_VISIBLE_DEVICES='', PYTHON=sys.executable)
    done = subprocess.run(
        ['bash', str(ROOT / 'tools/dist_train.sh'), str(path), '2'],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    checkpoint = torch.load(
        tmp_path / 'run' / 'epoch_1.pth', weights_only=False
    )
    # 19 images fill one update of 2 ranks x 4 x 2: two micro-iterations.
    assert checkpoint['meta']['iter'] == 2
    assert 'Distributed launcher: pytorch' in done.stdout + done.stderr
    assert 'reconstruction/loss' in done.stdout + done.stderr
    # Same images on both sides: their nearest neighbours are themselves.
    assert 'probe/knn 1.0000' in done.stdout + done.stderr
