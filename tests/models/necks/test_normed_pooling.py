import torch

from mixmae.models import NormedPooling


def test_norms_the_mean_of_the_last_map():
    neck = NormedPooling(8, norm_eps=1e-3)
    maps = (torch.zeros(1), torch.randn(2, 8, 3, 5))
    (pooled,) = neck(maps)
    mean = maps[1].flatten(2).mean(2)
    variance = mean.var(1, unbiased=False, keepdim=True)
    wanted = (mean - mean.mean(1, keepdim=True)) / (variance + 1e-3).sqrt()
    torch.testing.assert_close(pooled, wanted)
