"""From pixels to tokens, and from tokens to fewer tokens.

Axes: B images, H and W a grid, C channels.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


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
        """(B, 3, H, W) -> (B, h, w, C); h and w rounded up, zeros padded."""
        pad_h, pad_w = (-side % self.patch_size for side in images.shape[-2:])
        if pad_h or pad_w:
            images = F.pad(images, (0, pad_w, 0, pad_h))
        return self.norm(_disjoint_conv(images.movedim(1, -1), self.proj))


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

    UM-MAE's merging. Unlike ``PatchMerging`` it norms each token by itself.

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
        return _disjoint_conv(x, self.proj)


def _disjoint_conv(x: Tensor, conv: nn.Conv2d) -> Tensor:
    """A convolution whose windows neither overlap nor leave gaps.

    One matrix product, and the channels come out last. On a CPU the patch
    embedding so takes half the time, forward and backward.

    Args:
        x: (B, H, W, C), windows side by side.
        conv: its stride is its kernel's side.

    Returns:
        (B, h, w, C').
    """
    side = conv.stride[0]
    x = x.unflatten(2, (-1, side)).unflatten(1, (-1, side))
    # As the weights lie: channels first.
    x = x.permute(0, 1, 3, 5, 2, 4).flatten(3)
    return F.linear(x, conv.weight.flatten(1), conv.bias)
