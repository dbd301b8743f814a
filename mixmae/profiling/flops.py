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
# Without masked attention, MixMAE needs pairs of images.
BATCH = 2


def training_flops(
    model: nn.Module, image_shape: Sequence[int] = (3, 224, 224)
) -> float:
    """Return the FLOPs of forward and backward pass, per image.

    These are model FLOPs: the operations of the network as defined,
    independent of its implementation, so that figures before and after an
    optimization are comparable.

    - A multiplication and an addition are two operations. Matrix products
      and convolutions count; norms, activations and the optimizer do not.
    - Attention counts all pairs of tokens of a window, including padding and
      masked pairs (3 % of Swin-B at 224), as published figures do.
    - The backward pass repeats each product for the gradient of the weight,
      unless it is frozen, and for the gradient of the input, unless no earlier
      part is trained: three times the forward pass in total, except for the
      patch embedding, whose input is the image.
    - Recomputation does not count, nor do computations shared by a batch
      (biases from an MLP) and unused predictions.

    The network runs on the meta device, without computing or storing values.

    Args:
        model: A ``MaskedImageModel``, or a classifier of mmpretrain, with
            unsharded parameters.
        image_shape: (channels, height, width).

    Raises:
        ValueError: The model does not accept such images, or does not run on
            the meta device.
    """
    image_shape = tuple(image_shape)
    try:
        skeleton = without_values(model).train()
        shape = (BATCH, *image_shape)
        inputs = forward_inputs(shape, mask_for(model, shape), 'meta')
        with _FlopCounter(skeleton) as counter, torch.enable_grad():
            skeleton(**inputs)
    # Third-party code may raise any exception on tensors without values.
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
    """Return a copy whose parameters and buffers have no values.

    No value is read or copied.

    Args:
        model: Model on any device.
        device: Device of the copy; within a ``FakeTensorMode`` any device.
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
    """Return a mask for images of shape (B, C, height, width), on the CPU.

    Returns:
        None for models that need no mask.

    Raises:
        ValueError: The masking does not support this size, or is missing.
    """
    if not isinstance(model, MaskedImageModel):
        return None
    masking = model.data_preprocessor.masking
    if masking is None:
        raise ValueError('its data_preprocessor has no masking')
    # A separate generator, so that the random state of the training is
    # unchanged.
    generator = torch.Generator().manual_seed(0)
    return masking(shape[0], shape[2], shape[3], generator)


def forward_inputs(
    shape: Sequence[int], mask: CellMask | None, device: torch.device | str
) -> dict[str, object]:
    """Return arguments for a forward pass through all trained parts."""
    images = torch.empty(*shape, device=device)
    if mask is None:
        return {'inputs': images, 'mode': 'tensor'}
    return {'inputs': images, 'mask': mask.to(device), 'mode': 'loss'}


class _FlopCounter:
    """Counter of the FLOPs of each module in training.

    Args:
        model: Model that runs within the ``with`` block; its hooks are not
            removed.

    Attributes:
        total: FLOPs so far, forward and backward.
    """

    def __init__(self, model: nn.Module) -> None:
        self.total = 0
        self._counter = FlopCounterMode(display=False)
        self._seen = 0
        # FLOPs of the running modules, the innermost last.
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
        """Return the forward FLOPs since the last call."""
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
            # Either both factors of these products need gradients, or neither
            # does.
            self.total += scores * (3 if trained or passed else 1)
        needs = trained + passed if parameters else 2 * passed
        self.total += own * (1 + needs)


def _counted_by_attention(model: nn.Module) -> Iterator[nn.Module]:
    """Yield modules counted by ``_attention_flops`` or shared by images."""
    for module in model.modules():
        if isinstance(module, ATTENTION):
            for name, child in module.named_children():
                if name != 'reduction':
                    yield from child.modules()


def _attention_flops(module: nn.Module, x: Tensor) -> tuple[int, int]:
    """Return the FLOPs of projections, and of scores and weighted sums.

    Args:
        x: (..., N, C) with N tokens of a window, or, with reduced keys, (B, M,
            r^2, C) with M cells.
    """
    tokens, channels = x.numel() // x.size(-1), x.size(-1)
    keys, projected = x.size(-2), 4 * tokens
    if isinstance(module, ReducedAttention):
        keys = x.size(1)
        projected = 2 * tokens + 2 * x.size(0) * keys
    return 2 * projected * channels**2, 4 * tokens * keys * channels
