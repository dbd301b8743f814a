"""Neck of MixMAE: mixes pairs of images and predicts both.

Axes: B images, h and w a token grid, C and D channels, L = cells, K channels
of the images.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mixmae.models.layers.decoder import Decoder
from mixmae.models.layers.transformer_block import (
    init_transformer,
    load_init_cfg,
)
from mixmae.registry import MODELS
from mixmae.structures import AttentionGroups, CellMask, EncoderInput


@MODELS.register_module()
class MixMAENeck(BaseModule):
    """Mixes tokens of image pairs, and unmixes and decodes their latents.

    2205.13137, sections 3.1 to 3.3; MixMIM models_mixmim.py:363-406. Image i
    is paired with image B - 1 - i, the middle image of an odd batch with
    itself. With one mask for the batch the two mixed images are
    complementary: each cell of each image is encoded once. With a mask per
    image an image is its own partner: its visible and its hidden cells form
    the two groups, each of which is encoded alone, as above.

    Args:
        in_channels: channels of the latents.
        decoder: dict of ``Decoder``'s arguments, ``out_channels`` excepted;
            ``depth`` is its number of blocks.
        cell: side of a cell in pixels; the backbone's total stride.
        masked_attention: whether attention in the encoder is restricted to
            tokens of the same image. False is the paper's ablation; it needs
            a shared mask and an even batch.
        image_channels: channels of the images that are predicted.

    Raises:
        ValueError: an argument is out of its range, or they disagree.
    """

    method = 'MixMAE'

    def __init__(
        self,
        in_channels: int,
        decoder: Mapping,
        cell: int = 32,
        masked_attention: bool = True,
        image_channels: int = 3,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if min(in_channels, cell, image_channels) < 1:
            raise ValueError(
                f'in_channels, cell and image_channels must be positive, got '
                f'{in_channels}, {cell} and {image_channels}'
            )
        self.in_channels = in_channels
        self.image_channels = image_channels
        self.cell = cell
        self.masked_attention = masked_attention
        self.needs = ('takes_groups',) if masked_attention else ()
        self.decoder = Decoder(
            out_channels=image_channels * cell**2, **decoder
        )
        embed_dims = self.decoder.embed_dims
        self.embed = nn.Linear(in_channels, embed_dims)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, embed_dims))

    def check_backbone(self, backbone: nn.Module) -> None:
        """Refuses a backbone that this neck cannot work with.

        Raises:
            ValueError: cells are not single tokens of the latent.
        """
        if self.cell != backbone.stride:
            raise ValueError(
                f'the neck has cell={self.cell}, but the backbone has a '
                f'total stride of {backbone.stride} pixels; they must be '
                f'equal'
            )

    def hide(
        self, tokens: Tensor, mask: CellMask, embed_token: object = None
    ) -> EncoderInput:
        """Mixes the images: hidden cells of each become its partner's.

        Args:
            tokens: (B, h, w, C) of the images.
            mask: the cells to hide.
            embed_token: unused; the encoder sees no mask token.

        Raises:
            ValueError: masks per image, or an odd batch, without masked
                attention: images could then see what they are to predict.
        """
        if not self.masked_attention and not mask.shared:
            raise ValueError(
                f'without masked attention all images of a batch must share '
                f'one mask, got {mask.hidden.size(0)} masks; set shared=True '
                f'in the masking and eval_shared=True in the preprocessor'
            )
        if not self.masked_attention and len(tokens) % 2:
            raise ValueError(
                f'without masked attention a batch must be even, got '
                f'{len(tokens)} images: the middle one would be its own '
                f'partner and see what it is to predict; use an even '
                f'batch_size and drop_last=True'
            )
        hidden = mask.on_grid(*tokens.shape[1:3])[..., None]
        mixed = torch.where(hidden, self._partner(tokens, mask), tokens)
        groups = AttentionGroups(mask) if self.masked_attention else None
        return EncoderInput(mixed, groups)

    def reveal(self, latent: Tensor, mask: CellMask) -> Tensor:
        """Unmixes: predicts every cell of every image where it was hidden.

        Args:
            latent: (B, h, w, C), one token per cell of the mixed images.
            mask: the cells that were hidden.

        Returns:
            (B, L, K cell^2), unmixed: row i belongs to image i.
        """
        images, cells = len(latent), latent.size(1) * latent.size(2)
        row = torch.arange(2 * images * cells, device=latent.device)
        own, partners = row.view(2, images, cells)
        # Each cell is decoded twice, and visible in one of the two: only the
        # rows of the other are predicted, those of image i in row i.
        wanted = torch.where(
            mask.hidden.flatten(1), own, self._partner(partners, mask)
        )
        decoded = self._complete(latent, mask, wanted.flatten())
        return self.decoder.pixels(decoded).unflatten(0, (images, cells))

    def completions(self, latent: Tensor, mask: CellMask) -> Tensor:
        """Return all predictions, in the official order before unmixing.

        Returns:
            (2B, L, K cell^2): row i completes image i from the visible cells
            of mixed image i, row B + i completes i's partner from the
            hidden ones.
        """
        return self.decoder.pixels(self._complete(latent, mask))

    def mixed_images(self, images: Tensor, mask: CellMask) -> Tensor:
        """The mixed pictures, (B, K, H, W).

        With a mask per image too, image B - 1 - i fills the hidden cells of
        image i, in these pictures only.
        """
        hidden = mask.at_stride(1)[:, None]
        return torch.where(hidden, images.flip(0), images)

    def init_weights(self) -> None:
        """Xavier-uniform maps; mask token truncated normal, std 0.02."""
        init_transformer(self)
        nn.init.trunc_normal_(self.mask_token, std=0.02)
        load_init_cfg(self)
        self._is_init = True

    def _complete(
        self, latent: Tensor, mask: CellMask, wanted: Tensor | None = None
    ) -> Tensor:
        """Decoded tokens (2B, L, D), the halves as in ``completions``.

        Args:
            latent, mask: see ``reveal``.
            wanted: rows of (2B * L, D) to return; None = all.
        """
        x = self.embed(latent)
        hidden = mask.hidden[..., None]
        # Under autocast the token makes the decoder's stream float32, as the
        # official code has it.
        token = self.mask_token[None]
        own = torch.where(hidden, token, x)
        partners = torch.where(hidden, x, token)
        return self.decoder(torch.cat([own, partners]), wanted)

    @staticmethod
    def _partner(x: Tensor, mask: CellMask) -> Tensor:
        """The partner of each image; itself where masks differ by image."""
        return x.flip(0) if mask.shared else x
