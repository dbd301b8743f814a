"""Patch embedding and merging; graphs that are traced for one size.

Axes: B images, H and W a grid, C channels.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TypeGuard

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mixmae.models.layers.custom_backward import is_plain


class PatchEmbed(nn.Module):
    """A linear map of each patch and a layer norm.

    Args:
        patch_size: side of a patch in pixels.
        embed_dims: channels of a token.
        norm_eps: epsilon of the layer norm; None leaves the norm out.
        in_channels: channels of the images, or of a map of tokens.
    """

    def __init__(
        self,
        patch_size: int,
        embed_dims: int,
        norm_eps: float | None = 1e-5,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        if in_channels < 1:
            raise ValueError(
                f'in_channels must be at least 1, got {in_channels}'
            )
        self.patch_size = patch_size
        self.proj = nn.Conv2d(
            in_channels, embed_dims, patch_size, stride=patch_size
        )
        self.norm: nn.Module = (
            nn.Identity()
            if norm_eps is None
            else nn.LayerNorm(embed_dims, eps=norm_eps)
        )

    def forward(self, images: Tensor) -> Tensor:
        """(B, in_channels, H, W) -> (B, h, w, C); zeros pad h and w."""
        pad_h, pad_w = (-side % self.patch_size for side in images.shape[-2:])
        if pad_h or pad_w:
            images = F.pad(images, (0, pad_w, 0, pad_h))
        tokens = _patch_conv(images.movedim(1, -1), self.proj, self.patch_size)
        return self.norm(tokens)


class PatchMerging(nn.Module):
    """Four neighbouring tokens become one with twice the channels.

    The neighbours are stacked column by column, as timm's PatchMerging, on
    which MixMIM builds, stacks them; mmcv's order differs.

    Args:
        embed_dims: channels of the input.
        norm_eps: epsilon of the layer norm.
    """

    def __init__(self, embed_dims: int, norm_eps: float = 1e-5) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * embed_dims, eps=norm_eps)
        self.reduction = nn.Linear(4 * embed_dims, 2 * embed_dims, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, C) -> (B, H / 2, W / 2, 2C); odd sides are padded."""
        pad_h, pad_w = (-side % 2 for side in x.shape[1:3])
        if pad_h or pad_w:
            x = F.pad(x, (0, 0, 0, pad_w, 0, pad_h))
        x = x.unflatten(2, (-1, 2)).unflatten(1, (-1, 2))
        x = x.permute(0, 1, 3, 4, 2, 5).flatten(3)
        return self.reduction(self.norm(x))


class ConvMerging(nn.Module):
    """A layer norm and a 2x2 convolution of stride 2, with a bias.

    UM-MAE's merging. Unlike ``PatchMerging``, it normalises each token
    separately.

    Args:
        embed_dims: channels of the input.
        norm_eps: epsilon of the layer norm; None = no norm.
        out_dims: channels of the output; None = twice ``embed_dims``.
    """

    def __init__(
        self,
        embed_dims: int,
        norm_eps: float | None = 1e-5,
        out_dims: int | None = None,
    ) -> None:
        super().__init__()
        self.norm = (
            nn.Identity()
            if norm_eps is None
            else nn.LayerNorm(embed_dims, eps=norm_eps)
        )
        self.proj = nn.Conv2d(embed_dims, out_dims or 2 * embed_dims, 2, 2)

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, C) -> (B, H / 2, W / 2, C'); odd sides are padded."""
        x = self.norm(x)
        pad_h, pad_w = (-side % 2 for side in x.shape[1:3])
        if pad_h or pad_w:
            x = F.pad(x, (0, 0, 0, pad_w, 0, pad_h))
        return _patch_conv(x, self.proj, 2)


def is_patch_conv(conv: nn.Module, side: int) -> TypeGuard[nn.Conv2d]:
    """Return True for a plain convolution of side x side patches."""
    return (
        is_plain(conv, nn.Conv2d)
        and conv.kernel_size == conv.stride == (side, side)
        and conv.padding == (0, 0)
        and conv.dilation == (1, 1)
        and conv.groups == 1
    )


def _patch_conv(x: Tensor, conv: nn.Module, side: int) -> Tensor:
    """A convolution whose patches neither overlap nor leave gaps.

    Computed as one matrix product, channels last. On a CPU this halves the
    time of the patch embedding, forward and backward. A module that replaces
    the convolution is called instead.

    Args:
        x: (B, H, W, C), patches side by side.
        conv: the convolution, or the module that replaces it.
        side: of a patch.

    Returns:
        (B, h, w, C').
    """
    if not is_patch_conv(conv, side):
        return conv(x.movedim(-1, 1)).movedim(1, -1)
    x = x.unflatten(2, (-1, side)).unflatten(1, (-1, side))
    # As the weights lie: channels first.
    x = x.permute(0, 1, 3, 5, 2, 4).flatten(3)
    return F.linear(x, conv.weight.flatten(1), conv.bias)


def keep_traced_size(x: Tensor, first: int, name: str) -> Tensor:
    """Makes a graph that is being traced refuse other sizes.

    A graph of ``torch.jit.trace`` raises an error that names both sizes. In
    one that ``torch.onnx.export`` makes of it, where TorchScript's errors are
    lost, a concatenation fails. ``torch.export`` gets a constant size, and
    refuses a dynamic one: the range in which all choices are the same would
    be lost in ONNX. ``torch.compile`` has guards.

    Args:
        x: images or tokens.
        first: axis of the height; the width is the next one.
        name: of what has this size, for the error.

    Returns:
        x.
    """
    if not (torch.jit.is_tracing() or _is_exporting()):
        return x
    # Of a symbol, int() makes a constant.
    height, width = int(x.size(first)), int(x.size(first + 1))
    if _is_exporting():
        return x
    if not torch.onnx.is_in_onnx_export():
        return _scripted()(x, first, height, width, name)
    # All sides but the first must agree for that.
    other = torch.zeros([1, *map(int, x.shape[1:])], dtype=x.dtype)
    return torch.cat([x, other.to(x.device)])[:-1]


def _is_exporting() -> bool:
    # torch < 2.7 does not tell.
    return getattr(torch.compiler, 'is_exporting', bool)()


def _refuse_other_sizes(
    x: Tensor, first: int, height: int, width: int, name: str
) -> Tensor:
    if x.size(first) != height or x.size(first + 1) != width:
        raise ValueError(
            f'this graph was traced for {name} of {height}x{width}, and got '
            f'{x.size(first)}x{x.size(first + 1)}: trace another one for '
            f'this size, or call the model itself'
        )
    return x


@functools.cache
def _scripted() -> Callable[..., Tensor]:
    # Control flow of Python is not recorded, that of TorchScript is.
    return torch.jit.script(_refuse_other_sizes)
