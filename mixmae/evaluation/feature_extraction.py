"""Features of a frozen backbone over a data loader."""

import copy
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.dist import all_gather_object, get_world_size
from torch import Tensor, nn

Backbone = Callable[[Tensor], tuple[Tensor, ...]]


@contextmanager
def evaluating(module: nn.Module) -> Iterator[nn.Module]:
    """Set a module to evaluation mode; restore the mode of each submodule.

    Calling ``module.train()`` afterwards would also set frozen submodules to
    training mode.
    """
    modes = {part: part.training for part in module.modules()}
    module.eval()
    try:
        yield module
    finally:
        for part, mode in modes.items():
            part.training = mode


def _labels(data_samples: Iterable) -> Tensor:
    """Return (B,) class labels of a batch of mmpretrain's data samples."""
    labels = [sample.gt_label for sample in data_samples]
    return torch.cat([torch.as_tensor(label).reshape(1) for label in labels])


def whole_images(model: Any, batch: dict) -> Tensor:
    """Return the normalised images of a batch, without drawing a mask.

    A mask would require whole cells; the backbone accepts any size.
    """
    preprocessor = model.data_preprocessor
    if hasattr(preprocessor, 'normalise'):
        return preprocessor.normalise(batch['inputs'])
    return preprocessor(batch, False)['inputs']


def mean_pool(maps: Tensor) -> Tensor:
    """Average over the positions: (B, C, H, W) -> (B, C).

    kNN during a training and ``KNNTestLoop`` use it.
    """
    return maps.mean(dim=(2, 3))


def mean_std_pool(maps: Tensor) -> Tensor:
    """Average and standard deviation: (B, C, H, W) -> (B, 2 C).

    Whitened kNN of docs/evidence.md uses it.
    """
    std = maps.flatten(2).std(dim=2, correction=0)
    return torch.cat([mean_pool(maps), std], dim=1)


@torch.no_grad()
def pooled_features(
    model: Any,
    dataloader: Iterable[dict],
    pool: Callable[[Tensor], Tensor] = mean_pool,
) -> tuple[Tensor, Tensor]:
    """Return globally pooled features of a model's backbone.

    Args:
        model: A model with ``data_preprocessor`` and ``backbone``, e.g. a
            ``MaskedImageModel`` or mmpretrain's ``ImageClassifier``. Nothing
            is hidden: the backbone receives whole images.
        dataloader: Yields batches whose data samples have ``gt_label``.
        pool: Pooling of a float32 map, (B, C, H, W) -> (B, D).

    Returns:
        (N, D) float32 features of the last output and (N,) labels, on the
        CPU. In distributed evaluation, those of this rank.
    """
    features, labels = [], []
    with evaluating(model):
        for batch in dataloader:
            last = model.backbone(whole_images(model, batch))[-1]
            features.append(pool(last.float()).cpu())
            labels.append(_labels(batch['data_samples']).cpu())
    return torch.cat(features), torch.cat(labels)


def gather_shares(share: Tensor, size: int) -> Tensor:
    """Gather the results of all ranks, in the order of the dataset.

    Inverts the distribution of MMEngine's ``DefaultSampler``, where rank r
    has the images r, r + world size, ..., padded to equal length.

    Args:
        share: (N, ...) results of this rank, on the CPU.
        size: Number of images in the dataset.

    Returns:
        (size, ...), on every rank.
    """
    if get_world_size() == 1:
        return share[:size]
    shares = all_gather_object(share)
    return torch.stack(shares, dim=1).flatten(0, 1)[:size]


def with_all_stages(backbone: Any) -> Any:
    """Return a copy of a backbone that outputs the maps of all stages.

    Stages without an output norm get a new, untrained one, which standardises
    each token.

    Args:
        backbone: Backbone with ``num_stages``, ``num_features`` and
            ``out_indices``, e.g. ``MIMSwin``; not changed.
    """
    copied = copy.deepcopy(backbone)
    parameter = next(copied.parameters())
    for i, channels in enumerate(copied.num_features):
        if not hasattr(copied, f'norm{i}'):
            norm = nn.LayerNorm(channels).to(parameter)
            copied.add_module(f'norm{i}', norm)
    copied.out_indices = list(range(copied.num_stages))
    return copied


@torch.no_grad()
def dense_features(
    backbone: Backbone, batches: Iterable[Tensor]
) -> list[Tensor]:
    """Return the feature maps of all outputs of a backbone.

    Args:
        backbone: Returns a tuple of (B, C_i, H_i, W_i) maps.
        batches: Normalised images (B, 3, H, W).

    Returns:
        One (N, C_i, H_i, W_i) tensor per output, on the CPU, in half
        precision (they dominate the memory of a dense probe).
    """
    outputs: list[list[Tensor]] = []
    for images in batches:
        maps = backbone(images)
        outputs = outputs or [[] for _ in maps]
        for kept, feature_map in zip(outputs, maps, strict=True):
            kept.append(feature_map.half().cpu())
    return [torch.cat(kept) for kept in outputs]
