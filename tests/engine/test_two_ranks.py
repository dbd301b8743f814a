from datetime import timedelta
from functools import partial

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from mmengine.structures import BaseDataElement
from torch import distributed, nn

from mixmae.registry import MODEL_WRAPPERS, MODELS
from mixmae.structures import CellMask
from tests.engine.forked import start
from tests.engine.tiny_run import (
    MODEL,
    ROOT,
    loader,
    tiny_config,
    write_config,
)
from tests.tools.running import dist_train

MASK = CellMask(torch.rand(1, 4, 4, generator=torch.manual_seed(1)) < 0.5, 8)


def build() -> nn.Module:
    torch.manual_seed(0)
    model = MODELS.build(MODEL)
    model.init_weights()
    return model.double()


def batch(first: int, last: int, seed: int = 5) -> dict:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (6, 3, 32, 32), generator=generator)
    inputs = images.to(torch.uint8)[first:last]
    samples = [BaseDataElement() for _ in inputs]
    return dict(inputs=inputs, data_samples=samples, mask=MASK)


def gradients(model: nn.Module, data: dict) -> list[torch.Tensor]:
    inner = getattr(model, 'module', model)
    losses = model(**inner.data_preprocessor(data, True), mode='loss')
    losses['loss'].backward()
    return [p.grad for p in model.parameters() if p.requires_grad]


def weights(model: nn.Module, first: int, last: int) -> list[torch.Tensor]:
    """Return the weights after two updates of two micro-iterations each."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    wrapper = OptimWrapper(optimizer, accumulative_counts=2)
    wrapper.initialize_count_status(model, 0, 4)
    for seed in range(4):
        model.train_step(batch(first, last, seed), wrapper)
    return [p.detach() for p in model.parameters() if p.requires_grad]


WRAPPERS = dict(
    plain={},
    ours=Config.fromfile(
        ROOT / 'configs/_base_/default_runtime.py'
    ).model_wrapper_cfg.to_dict(),
    static=dict(static_graph=True, gradient_as_bucket_view=True),
)


def train_half(rank: int, folder: str) -> None:
    """Run one rank; write gradients and weights for half the batch."""
    torch.set_num_threads(1)
    distributed.init_process_group(
        'gloo',
        init_method=f'file://{folder}/rendezvous',
        rank=rank,
        world_size=2,
        timeout=timedelta(seconds=60),
    )
    share = (3 * rank, 3 * rank + 3)
    found = {}
    for name, settings in WRAPPERS.items():
        cfg = {'type': 'MMDistributedDataParallel', **settings}
        model = MODEL_WRAPPERS.build({**cfg, 'module': build()})
        for _ in range(2):
            # A static graph is known from the second time on.
            model.zero_grad()
            found[name] = gradients(model, batch(*share))
        memory = {g.untyped_storage().data_ptr() for g in found[name]}
        views = len(memory) < len(found[name])
        assert views is cfg.get('gradient_as_bucket_view', False)
    cfg = {**WRAPPERS['ours'], 'module': build()}
    found['weights'] = weights(MODEL_WRAPPERS.build(cfg), *share)
    if rank == 0:
        torch.save(found, f'{folder}/found.pth')
    # The process ends here. Destroying the group blocked one rank once, after
    # the other had left.
    distributed.barrier()


@pytest.mark.slow
def test_two_ranks_equal_one_with_twice_the_batch(tmp_path):
    """With one shared mask the loss does not depend on the pairs.

    Both the gradients, and the weights after accumulated updates.
    """
    logs = [tmp_path / f'{rank}.log' for rank in range(2)]
    ranks = [
        start(partial(train_half, rank, str(tmp_path)), log)
        for rank, log in enumerate(logs)
    ]
    for rank in ranks:
        rank.join(120)
    said = [log.read_text()[-3000:] for log in logs]
    assert [rank.exitcode for rank in ranks] == [0, 0], said
    found = torch.load(tmp_path / 'found.pth')
    expected = gradients(build(), batch(0, 6))
    # Not all are zero.
    assert sum(float(g.abs().sum()) for g in expected) > 1e-2
    for name in WRAPPERS:
        assert len(found[name]) == len(expected) > 10
        for ours, whole in zip(found[name], expected, strict=True):
            torch.testing.assert_close(ours, whole, rtol=1e-6, atol=1e-12)
    at_start = [p.detach() for p in build().parameters() if p.requires_grad]
    expected = weights(build(), 0, 6)
    for ours, whole in zip(found['weights'], expected, strict=True):
        torch.testing.assert_close(ours, whole, rtol=0, atol=1e-8)
    moved = [
        float((a - b).abs().max())
        for a, b in zip(at_start, expected, strict=True)
    ]
    assert max(moved) > 1e-3


@pytest.mark.slow
def test_dist_train_trains_two_processes(tmp_path):
    config = tiny_config(tmp_path / 'run')
    config['train_cfg']['max_epochs'] = 1
    config['log_level'] = 'INFO'
    # Each rank extracts the features of its share of 7 images.
    probe = dict(train_dataloader=loader(7, 3), val_dataloader=loader(7, 3))
    config['custom_hooks'] = [dict(type='ProbeHook', k=1, **probe)]
    path = write_config(tmp_path / 'tiny.py', config)
    done = dist_train(path, 2)
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
