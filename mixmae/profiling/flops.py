"""Model FLOPs of a training step, per image."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from mixmae.models.layers.attention import AttentionHeads
from mixmae.models.layers.reduced_attention import ReducedAttention
from mixmae.models.masked_image_model import MaskedImageModel
from mixmae.structures import CellMask

ATTENTION = (AttentionHeads, ReducedAttention)
# Pairing needs two images where nothing keeps them apart.
BATCH = 2


def training_flops(
    model: nn.Module, image_shape: Sequence[int] = (3, 224, 224)
) -> float:
    """Operations of forward and backward pass, per image.

    These are model FLOPs: what the plain network needs, however it is
    executed, so that figures of different implementations, and of the same
    one before and after it was made faster, have one denominator.

    - A multiplication and an addition are two operations. Matrix products
      and convolutions count; norms, activations and the optimizer do not.
    - Attention counts all pairs of tokens of a window, padding included,
      whether they may meet or not (of Swin-B at 224, 3 % are for pairs that
      may not). Published figures are counted so.
    - The backward pass needs each product again for the gradient of the
      weight, unless that is frozen, and for the gradient of the input,
      unless nothing before it is trained: thrice the forward pass, but for
      the patch embedding, whose input is the image.
    - What is computed a second time to save memory does not count, nor does
      what a batch computes once for all its images (biases from an MLP), nor
      predictions that are not asked for.

    The network runs forward on the meta device, which computes and stores
    nothing: parameters may be anywhere, and their values are not copied.

    Args:
        model: a ``MaskedImageModel``, or one of mmpretrain's classifiers;
            its parameters whole, not shards of them.
        image_shape: (channels, height, width).

    Returns:
        Operations, of one batch item in training.

    Raises:
        ValueError: the model cannot take such images, or cannot be run on
            the meta device.
    """
    image_shape = tuple(image_shape)
    try:
        skeleton = without_values(model).train()
        shape = (BATCH, *image_shape)
        inputs = forward_inputs(shape, mask_for(model, shape), 'meta')
        with _FlopCounter(skeleton) as counter, torch.enable_grad():
            skeleton(**inputs)
    # Foreign code raises anything where there are no values to look at.
    except Exception as error:
        raise ValueError(
            f'the operations of a {type(model).__name__} on images of shape '
            f'{image_shape} cannot be counted: {type(error).__name__}: '
            f'{error}'
        ) from error
    return counter.total / BATCH


def without_values(
    model: nn.Module, device: torch.device | str = 'meta'
) -> nn.Module:
    """A copy whose parameters and buffers have no values.

    No value is read or copied.

    Args:
        model: on any device.
        device: of the copy; within a ``FakeTensorMode`` any one.
    """

    def empty(x: Tensor) -> Tensor:
        return torch.empty(x.shape, dtype=x.dtype, device=device)

    memo: dict[int, object] = {}
    for one in model.parameters():
        memo[id(one)] = nn.Parameter(empty(one), one.requires_grad)
    for buffer in model.buffers():
        memo[id(buffer)] = empty(buffer)
    return copy.deepcopy(model, memo)


def mask_for(model: nn.Module, shape: Sequence[int]) -> CellMask | None:
    """Some mask for images of shape (B, C, height, width), on the CPU.

    Returns:
        None for models that need none.

    Raises:
        ValueError: the size does not fit the masking, or there is none.
    """
    if not isinstance(model, MaskedImageModel):
        return None
    masking = model.data_preprocessor.masking
    if masking is None:
        raise ValueError('its data_preprocessor has no masking')
    # A generator of its own: counting changes no draw of the training.
    generator = torch.Generator().manual_seed(0)
    return masking(shape[0], shape[2], shape[3], generator)


def forward_inputs(
    shape: Sequence[int], mask: CellMask | None, device: torch.device | str
) -> dict[str, object]:
    """Arguments of a forward pass with everything that is trained in it."""
    images = torch.empty(*shape, device=device)
    if mask is None:
        return {'inputs': images, 'mode': 'tensor'}
    return {'inputs': images, 'mask': mask.to(device), 'mode': 'loss'}


class _FlopCounter:
    """Counts each module's own products, and how often training needs them.

    Args:
        model: to be run within the ``with`` block; it keeps the hooks.

    Attributes:
        total: operations so far, forward and backward.
    """

    def __init__(self, model: nn.Module) -> None:
        self.total = 0
        self._counter = FlopCounterMode(display=False)
        self._seen = 0
        # Of each module that has begun and not ended, the innermost last.
        self._own: list[int] = []
        left_out = set(_counted_by_attention(model))
        for module in model.modules():
            if module not in left_out:
                module.register_forward_pre_hook(self._begin)
                module.register_forward_hook(self._end)

    def __enter__(self) -> _FlopCounter:
        self._counter.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._counter.__exit__(*error)

    def _new_flops(self) -> int:
        """Forward operations since the last call."""
        seen = self._counter.get_total_flops()
        news, self._seen = seen - self._seen, seen
        return news

    def _begin(self, module: nn.Module, inputs: tuple) -> None:
        news = self._new_flops()
        if self._own:
            self._own[-1] += news
        self._own.append(0)

    def _end(self, module: nn.Module, inputs: tuple, output: object) -> None:
        own = self._own.pop() + self._new_flops()
        parameters = list(module.parameters())
        trained = any(x.requires_grad for x in parameters)
        passed = any(isinstance(x, Tensor) and x.requires_grad for x in inputs)
        if isinstance(module, ATTENTION):
            own, scores = _attention_flops(module, inputs[0])
            # Both factors of these products need gradients, or none does.
            self.total += scores * (3 if trained or passed else 1)
        needs = trained + passed if parameters else 2 * passed
        self.total += own * (1 + needs)


def _counted_by_attention(model: nn.Module) -> Iterator[nn.Module]:
    """Modules that ``_attention_flops`` counts, or that images share."""
    for module in model.modules():
        if isinstance(module, ATTENTION):
            for name, child in module.named_children():
                if name != 'reduction':
                    yield from child.modules()


def _attention_flops(module: nn.Module, x: Tensor) -> tuple[int, int]:
    """Operations of an attention's projections, and of its scores and sums.

    Args:
        x: (..., N, C), N tokens of a window, or, with reduced keys, (B, M,
            r^2, C), M cells.
    """
    tokens, channels = x.numel() // x.size(-1), x.size(-1)
    keys, projected = x.size(-2), 4 * tokens
    if isinstance(module, ReducedAttention):
        keys = x.size(1)
        projected = 2 * tokens + 2 * x.size(0) * keys
    return 2 * projected * channels**2, 4 * tokens * keys * channels
