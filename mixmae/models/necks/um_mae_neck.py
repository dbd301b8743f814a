"""Neck of UM-MAE: a compact grid before the encoder, a light decoder.

Axes: B images, h and w a token grid, C and D channels, R x S cells, of which
r x s = R / 2 x S / 2 are visible; L = R S; K channels of the images.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mixmae.models.layers.decoder import Decoder
from mixmae.models.layers.transformer_block import (
    init_transformer,
    load_init_cfg,
)
from mixmae.registry import MODELS
from mixmae.structures import CellMask, EncoderInput


@MODELS.register_module()
class UMMAENeck(BaseModule):
    """Gathers the visible cells into a dense grid, and decodes all cells.

    2205.10063, sections 3.2 and 3.3. One cell of each 2x2 is visible
    (``UniformMasking``), so the visible ones form a grid of half the sides,
    which the encoder takes together with their true coordinates. Goes with
    ``MaskedReconstructionHead``.

    Args:
        in_channels: channels of the latents.
        decoder: dict of ``Decoder``'s arguments, ``out_channels`` excepted.
        token_channels: channels of the tokens that the encoder takes, for
            ``secondary_token``, which replaces some visible ones (secondary
            masking, section 3.2); None = no secondary masking.
        cell: side of a cell in pixels.
        factor: cells on a side of a latent token: 2 for hierarchical
            encoders, whose last merging unites 2x2 cells, 1 for a ViT.
        legacy_position_order: give visible tokens the decoder positions that
            the official code gives them.
        image_channels: channels of the images that are predicted.

    Raises:
        ValueError: an argument is out of its range, or they disagree.
    """

    method = 'UM-MAE'
    needs = ('takes_coords',)

    # QUIRK(UM-MAE): models_mae_swin.py:505-514 lists the visible tokens in
    # the raster order of the compact grid, their positions in that of the
    # full one. Where neighbours kept cells of different rows the orders
    # differ: three quarters of the tokens get another one's position. The
    # official figures need it, nothing else does.

    def __init__(
        self,
        in_channels: int,
        decoder: Mapping,
        token_channels: int | None = None,
        cell: int = 16,
        factor: int = 2,
        legacy_position_order: bool = False,
        image_channels: int = 3,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if min(in_channels, token_channels or 1, cell, image_channels) < 1:
            raise ValueError(
                f'in_channels, token_channels, cell and image_channels must '
                f'be positive, got {in_channels}, {token_channels}, {cell} '
                f'and {image_channels}'
            )
        if factor not in (1, 2):
            raise ValueError(
                f'factor must be 2 (hierarchical encoders) or 1 (ViT), got '
                f'{factor}'
            )
        self.in_channels = in_channels
        self.image_channels = image_channels
        self.token_channels = token_channels
        self.cell = cell
        self.factor = factor
        self.legacy_position_order = legacy_position_order
        self.decoder = Decoder(
            out_channels=image_channels * cell**2, **decoder
        )
        dims = self.decoder.embed_dims
        self.embed = nn.Linear(in_channels, factor**2 * dims)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, dims))
        if token_channels:
            self.secondary_token = nn.Parameter(
                torch.zeros(1, 1, token_channels)
            )

    def check_backbone(self, backbone: Any) -> None:
        """Refuses a backbone that this neck cannot work with.

        Raises:
            ValueError: it has another stride, or tokens with another number
                of channels.
        """
        if backbone.stride != self.factor * self.cell:
            raise ValueError(
                f'the neck has cell={self.cell} and factor={self.factor}, '
                f'but the backbone has a total stride of {backbone.stride} '
                f'pixels; it must be cell times factor'
            )
        if self.factor == 1 and backbone.patch_size != self.cell:
            raise ValueError(
                f'factor=1 is for encoders without hierarchy, but the '
                f'backbone has patches of {backbone.patch_size} pixels and a '
                f'total stride of {backbone.stride}; use factor=2 and cells '
                f'of {backbone.stride // 2} pixels'
            )
        channels = backbone.num_features[0]
        if self.token_channels not in (None, channels):
            raise ValueError(
                f'the neck has token_channels={self.token_channels}, but the '
                f"backbone's tokens have {channels} channels; they must be "
                f'equal'
            )

    def hide(
        self,
        tokens: Tensor,
        mask: CellMask,
        embed_token: Callable[[Tensor], Tensor] = lambda token: token,
    ) -> EncoderInput:
        """Gathers the visible tokens; secondary ones become a mask token.

        Args:
            tokens: (B, h, w, C) of the images.
            mask: one visible cell in each 2x2.
            embed_token: the backbone's; scales the mask token to that
                of the others.

        Returns:
            Tokens (B, h / 2, w / 2, C), and where they come from. Tokens of
            one cell stay neighbours, and so do cells.

        Raises:
            ValueError: another kind of mask, an image that does not end in
                whole latent tokens, or secondary cells without a mask token.
        """
        self._check_mask(mask)
        rows, columns = mask.grid
        side = tokens.size(1) // rows
        mask.on_grid(*tokens.shape[1:3])
        y, x = _places(mask, len(tokens), side)
        # Tokens that are neighbours in a row of a cell lie together in
        # memory, and are gathered together.
        image = torch.arange(len(tokens), device=tokens.device)
        row = image.view(-1, 1, 1, 1) * tokens.size(1) + y
        strips = tokens.unflatten(2, (columns, side)).flatten(3)
        gathered = strips.flatten(0, 2).index_select(
            0, (row * columns + x // side).flatten()
        )
        compact = gathered.view(
            len(tokens), rows // 2 * side, columns // 2 * side, -1
        )
        if mask.secondary is not None:
            if self.token_channels is None:
                raise ValueError(
                    'the mask has secondary cells, but the neck has no token '
                    'for them; give it token_channels, or the masking '
                    'secondary_ratio=0'
                )
            replaced = _blocks(mask.secondary).flatten(3).any(3)
            replaced = replaced.repeat_interleave(side, 1)
            replaced = replaced.repeat_interleave(side, 2)[..., None]
            token = embed_token(self.secondary_token)
            compact = torch.where(replaced, token.to(compact.dtype), compact)
        within = torch.arange(side, device=tokens.device)
        coords = torch.stack(
            [
                y[..., None].expand(*y.shape, side),
                (x[..., None] + within).expand(*y.shape, side),
            ],
            dim=-1,
        )
        # (B, r, side, s, side, 2) -> (B, r side, s side, 2)
        coords = coords.flatten(3, 4).flatten(1, 2).float()
        return EncoderInput(compact, coords=coords)

    def reveal(self, latent: Tensor, mask: CellMask) -> Tensor:
        """Predicts the hidden cells of every image.

        Args:
            latent: (B, h, w, C), ``factor`` x ``factor`` cells per token.
            mask: the cells that were hidden.

        Returns:
            (B, L, K cell^2) in raster order; rows of visible cells are zero.
        """
        x = self._complete(latent, mask)
        hidden = mask.hidden.flatten(1).expand(len(x), -1)
        if mask.num_hidden is None:
            pixels = self.all_cells(latent, mask)
            return pixels.masked_fill(~hidden[..., None], 0)
        # Of known number: no step waits for a GPU to count them.
        order = hidden.flatten().logical_not().to(torch.int8)
        wanted = order.argsort(stable=True)[: len(x) * mask.num_hidden]
        pixels = self.decoder.pixels(self.decoder(x, wanted))
        prediction = pixels.new_zeros(hidden.numel(), pixels.size(1))
        prediction = prediction.index_copy(0, wanted, pixels)
        return prediction.unflatten(0, hidden.shape)

    def all_cells(self, latent: Tensor, mask: CellMask) -> Tensor:
        """Predict all cells; ``reveal`` predicts hidden cells only."""
        return self.decoder.pixels(self.decoder(self._complete(latent, mask)))

    def mixed_images(self, images: Tensor, mask: CellMask) -> Tensor:
        """Visible cells, all others in the mean colour, (B, K, H, W)."""
        unseen = mask.hidden
        if mask.secondary is not None:
            unseen = unseen | mask.secondary
        pixels = CellMask(unseen, mask.cell).at_stride(1)
        return images.masked_fill(pixels[:, None], 0)

    def init_weights(self) -> None:
        """Xavier-uniform linear maps; tokens are normal, std 0.02."""
        init_transformer(self)
        nn.init.normal_(self.mask_token, std=0.02)
        if self.token_channels:
            nn.init.normal_(self.secondary_token, std=0.02)
        load_init_cfg(self)
        self._is_init = True

    def _complete(self, latent: Tensor, mask: CellMask) -> Tensor:
        """The decoder's input: a token for each cell, (B, R, S, D)."""
        factor = self.factor
        # (B, h, w, D f f) -> (B, h, f, w, f, D) -> (B, r, s, D)
        x = self.embed(latent).unflatten(3, (-1, factor, factor))
        x = x.permute(0, 1, 4, 2, 5, 3).flatten(3, 4).flatten(1, 2)
        if self.legacy_position_order:
            visible = (~mask.hidden).flatten(1).expand(len(x), -1)
            rank = visible.int().cumsum(1) - 1
            rank = rank.clamp(min=0).long()[..., None]
            x = x.flatten(1, 2).take_along_dim(rank, 1)
            x = x.unflatten(1, mask.grid)
            return torch.where(mask.hidden[..., None], self.mask_token, x)
        hidden = _blocks(mask.hidden)[..., None]
        # (B, r, s, 2, 2, D) -> (B, R, S, D)
        x = torch.where(hidden, self.mask_token, x[:, :, :, None, None])
        return x.transpose(2, 3).flatten(3, 4).flatten(1, 2)

    def _check_mask(self, mask: CellMask) -> None:
        if not mask.keeps_one_in_four():
            raise ValueError(
                'UMMAENeck needs masks that show exactly one cell of each '
                "2x2; use masking=dict(type='UniformMasking')"
            )
        unit = 2 * self.factor
        if any(side % unit for side in mask.grid):
            size = [side * mask.cell for side in mask.grid]
            near = [
                max(unit, round(side / unit) * unit) * mask.cell
                for side in mask.grid
            ]
            raise ValueError(
                f'image size {size[0]}x{size[1]} is not a multiple of '
                f'{unit * mask.cell} pixels, so its visible cells are no '
                f'whole tokens of the last stage; the nearest valid size is '
                f'{near[0]}x{near[1]}'
            )


def _blocks(cells: Tensor) -> Tensor:
    """(B, R, S) -> (B, r, s, 2, 2)."""
    blocks = cells.unflatten(2, (-1, 2)).unflatten(1, (-1, 2))
    return blocks.transpose(2, 3)


def _places(mask: CellMask, batch: int, side: int) -> tuple[Tensor, Tensor]:
    """Places of the token rows of visible cells in the full grid.

    Args:
        mask: one visible cell in each 2x2.
        batch: number of images.
        side: side of a cell in tokens.

    Returns:
        y, of each row of tokens, and x, of its first token, both long
        (B, r, side, s).
    """
    visible = _blocks(~mask.hidden)
    lower, right = visible[..., 1, :].any(-1), visible[..., 1].any(-1)
    rows = torch.arange(lower.size(1), device=lower.device)
    columns = torch.arange(lower.size(2), device=lower.device)
    within = torch.arange(side, device=lower.device)
    y = (2 * rows[:, None] + lower) * side
    x = (2 * columns + right) * side
    y = y[:, :, None] + within[:, None]
    shape = (batch, *y.shape[1:])
    return y.expand(shape), x[:, :, None].expand(shape)
