"""Neck of SimMIM: a mask token before the encoder, one layer after it.

Axes: B images, h and w a token grid, C channels, L cells, p = side of a cell,
s = stride of the latent, both in pixels, K channels of the images.
"""

from __future__ import annotations

from typing import Any

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mixmae.models.layers.transformer_block import (
    init_transformer,
    load_init_cfg,
)
from mixmae.registry import MODELS
from mixmae.structures import CellMask, EncoderInput


@MODELS.register_module()
class SimMIMNeck(BaseModule):
    """Replaces hidden tokens by a mask token, and predicts pixels linearly.

    SimMIM, 2111.09886 section 3: the encoder sees the whole grid, hidden
    tokens replaced by one learned vector after the patch embedding's norm,
    and a single linear layer predicts the pixels of each latent token.
    Goes with ``MaskedReconstructionHead(norm_pixels=False, loss='l1')``.

    Args:
        in_channels: channels of the latents.
        token_channels: channels of the tokens that are hidden (the backbone's
            ``embed_dims``).
        cell: side of a cell in pixels. SimMIM hides cells of the latent's
            stride, UM-MAE's variant of it smaller ones.
        stride: pixels per token of the latent.
        image_channels: channels of the images that are predicted.

    Raises:
        ValueError: an argument is out of its range, or cell and stride do
            not divide each other.
    """

    method = 'SimMIM'

    def __init__(
        self,
        in_channels: int,
        token_channels: int,
        cell: int = 32,
        stride: int = 32,
        image_channels: int = 3,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        numbers = (in_channels, token_channels, cell, stride, image_channels)
        if min(numbers) < 1:
            raise ValueError(
                f'in_channels, token_channels, cell, stride and '
                f'image_channels must be positive, got '
                f'{", ".join(map(str, numbers))}'
            )
        if stride % cell and cell % stride:
            raise ValueError(
                f'cell {cell} and stride {stride} must divide one another'
            )
        self.in_channels = in_channels
        self.image_channels = image_channels
        self.cell = cell
        self.stride = stride
        self.mask_token = nn.Parameter(torch.zeros(token_channels))
        self.predict = nn.Linear(in_channels, image_channels * stride**2)

    def check_backbone(self, backbone: Any) -> None:
        """Refuses a backbone that this neck cannot work with.

        Raises:
            ValueError: it has another stride, or tokens of other channels.
        """
        if backbone.stride != self.stride:
            raise ValueError(
                f'the neck has stride={self.stride}, but the backbone has a '
                f'total stride of {backbone.stride} pixels; they must be '
                f'equal'
            )
        channels = backbone.num_features[0]
        if channels != self.mask_token.numel():
            raise ValueError(
                f'the neck has token_channels={self.mask_token.numel()}, but '
                f"the backbone's tokens have {channels} channels; they must "
                f'be equal'
            )

    def hide(
        self, tokens: Tensor, mask: CellMask, embed_token: object = None
    ) -> EncoderInput:
        """Replace each hidden token by the mask token.

        Args:
            tokens: (B, h, w, C) of the images.
            mask: the cells to hide.
            embed_token: unused; the mask token replaces tokens after the
                norm of the patch embedding.
        """
        hidden = mask.on_grid(*tokens.shape[1:3])[..., None]
        return EncoderInput(torch.where(hidden, self.mask_token, tokens))

    def reveal(self, latent: Tensor, mask: CellMask) -> Tensor:
        """Predict the pixels of every cell, hidden or visible.

        The layer is one per cent of the FLOPs of a Swin-B. Gathering the
        hidden tokens first would save a third of it at most.

        Args:
            latent: (B, h, w, C), one token per ``stride`` pixels.
            mask: the cells that were hidden.

        Returns:
            (B, L, K p^2), cells in raster order.
        """
        pixels = self.predict(latent)
        if self.cell <= self.stride:
            # (B, h, w, s/p, s/p, K p^2) -> (B, h s/p, w s/p, K p^2)
            parts = self.stride // self.cell
            pixels = pixels.unflatten(3, (parts, parts, -1))
            pixels = pixels.transpose(2, 3)
            return pixels.flatten(3, 4).flatten(1, 2).flatten(1, 2)
        # (B, H, p/s, W, p/s, s, s, K) -> (B, H, W, p/s, s, p/s, s, K)
        side, tokens = self.stride, self.cell // self.stride
        pixels = pixels.unflatten(3, (side, side, -1))
        pixels = pixels.unflatten(2, (-1, tokens)).unflatten(1, (-1, tokens))
        return pixels.permute(0, 1, 3, 2, 5, 4, 6, 7).flatten(3).flatten(1, 2)

    def mixed_images(self, images: Tensor, mask: CellMask) -> Tensor:
        """The pictures with hidden cells in the mean colour, (B, K, H, W)."""
        return images.masked_fill(mask.at_stride(1)[:, None], 0)

    def init_weights(self) -> None:
        """Xavier-uniform linear map; mask token truncated normal, std 0.02."""
        init_transformer(self)
        nn.init.trunc_normal_(self.mask_token, std=0.02)
        load_init_cfg(self)
        self._is_init = True
