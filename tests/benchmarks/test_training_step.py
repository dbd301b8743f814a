"""Device of a measured step; tested without a GPU."""

import torch

from benchmarks.training_step import current_device


def test_a_numbered_gpu_becomes_the_current_one(monkeypatch):
    chosen = []
    monkeypatch.setattr(torch.cuda, 'set_device', chosen.append)
    for name in 'cpu', 'cuda', 'cuda:1':
        assert current_device(name) == torch.device(name)
    assert chosen == [torch.device('cuda:1')]
