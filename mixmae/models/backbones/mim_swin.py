"""Swin, as masked image modelling wants it.

Axes: B images, H and W pixels, h and w a token grid, C channels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from mixmae.checkpoints import load_pretrained
from mixmae.models.backbones.arch_settings import swin_arch
from mixmae.models.layers.initialisation import init_transformer
from mixmae.models.layers.patches import PatchEmbed
from mixmae.models.layers.sincos import grid_coords, sincos_embedding
from mixmae.models.layers.stage import SwinStage
from mixmae.registry import MODELS
from mixmae.structures import AttentionGroups


@MODELS.register_module()
class MIMSwin(BaseModule):
    """The hierarchical encoder of MixMAE (2205.13137, section 3.2).

    A Swin with large windows, without shifts, and with frozen sine-cosine
    positions at the first stage. It never samples, mixes or knows which
    method uses it; downstream it is the same class with the same keys,
    called as ``backbone(images)``.

    Args:
        arch: a name ('tiny', 'small', 'base', 'large', 'huge', or aliases
            such as 'swin-b' and 'mixmim-b') or a dict of embed_dims, depths
            and num_heads.
        img_size: side, or (height, width), in pixels of the images that the
            positions are made for.
        patch_size: side of a patch in pixels; the total stride is this times
            2 ** (stages - 1).
        window_sizes: side of a window in tokens, one per stage; clamped to
            the grid, each axis for itself.
        mlp_ratio: hidden channels of the MLPs over channels.
        drop_path_rate: of the last block; rises linearly from 0.
        out_indices: stages whose maps ``forward`` returns. Each has a final
            norm of its own; the last stage's is the pretrained one.
        shift: shift every second block's windows. MixMAE does not.
        mask_padding: keep padding of a grid out of attention; False treats
            it as tokens of the image, as mmdet's Swin does.
        position_resize: how positions meet a grid other than ``img_size``'s:
            'bicubic' resizes them (official), 'sincos' computes them anew.
        sort_groups: False chooses the plain, masked path everywhere, for
            debugging. Same figures to rounding.
        with_cp: recompute blocks in the backward pass, to save memory.
        norm_eps: epsilon of the layer norms.
        init_cfg: MMEngine's; ``dict(type='Pretrained', checkpoint=...)``
            loads a pretraining or backbone checkpoint strictly, and last.

    Raises:
        ValueError: arguments out of range, or that disagree.
    """

    positions: Tensor

    def __init__(
        self,
        arch: str | Mapping = 'base',
        img_size: int | Sequence[int] = 224,
        patch_size: int = 4,
        window_sizes: Sequence[int] = (14, 14, 14, 7),
        mlp_ratio: float = 4.0,
        drop_path_rate: float = 0.0,
        out_indices: Sequence[int] | None = None,
        shift: bool = False,
        mask_padding: bool = True,
        position_resize: str = 'bicubic',
        sort_groups: bool = True,
        with_cp: bool = False,
        norm_eps: float = 1e-5,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        embed_dims, depths, num_heads = swin_arch(arch)
        self.num_stages = len(depths)
        self.embed_dims = embed_dims
        self.patch_size = patch_size
        self.num_features = [embed_dims << i for i in range(self.num_stages)]
        self.stride = patch_size << (self.num_stages - 1)
        self.position_resize = position_resize
        self.out_indices = self._checked_indices(out_indices)
        self._check(window_sizes, patch_size, position_resize)

        size = (img_size,) * 2 if isinstance(img_size, int) else img_size
        rows, columns = (-(-side // patch_size) for side in size)
        positions = sincos_embedding(grid_coords(rows, columns), embed_dims)
        self.register_buffer('positions', positions, persistent=False)

        self.patch_embed = PatchEmbed(patch_size, embed_dims, norm_eps)
        rates = np.linspace(0, drop_path_rate, sum(depths)).tolist()
        self.stages = nn.ModuleList()
        for i, depth in enumerate(depths):
            first = sum(depths[:i])
            self.stages.append(
                SwinStage(
                    self.num_features[i],
                    depth,
                    num_heads[i],
                    window_sizes[i],
                    downsample=i > 0,
                    shift=shift,
                    mlp_ratio=mlp_ratio,
                    drop_path=tuple(rates[first : first + depth]),
                    norm_eps=norm_eps,
                    mask_padding=mask_padding,
                    sort_groups=sort_groups,
                    with_cp=with_cp,
                )
            )
        for i in self.out_indices:
            norm = nn.LayerNorm(self.num_features[i], eps=norm_eps)
            self.add_module(f'norm{i}', norm)

    def embed(self, images: Tensor) -> Tensor:
        """Patches as tokens, without positions.

        Args:
            images: (B, 3, H, W), normalised.

        Returns:
            (B, H / patch, W / patch, C); sides rounded up, zeros padded.
        """
        return self.patch_embed(images)

    def encode(
        self,
        tokens: Tensor,
        groups: AttentionGroups | None = None,
        coords: Tensor | None = None,
    ) -> Tensor:
        """Tokens to latents, after the last norm.

        Args:
            tokens, groups, coords: the fields of ``EncoderInput``.

        Returns:
            (B, h, w, C) at the total stride.

        Raises:
            ValueError: ``out_indices`` leaves out the last stage.
        """
        last = self.num_stages - 1
        if last not in self.out_indices:
            raise ValueError(
                f'encoding ends in stage {last}, which out_indices '
                f'{self.out_indices} leave out'
            )
        x = self._with_positions(tokens, coords)
        for stage in self.stages:
            x = stage(x, groups)
        return self.get_submodule(f'norm{last}')(x)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Feature maps of any images, for downstream tasks.

        Args:
            images: (B, 3, H, W), normalised, any H and W.

        Returns:
            One normalised (B, C_i, H_i, W_i) per stage of ``out_indices``.
        """
        maps = []
        x = self._with_positions(self.embed(images))
        for i, stage in enumerate(self.stages[: self.out_indices[-1] + 1]):
            x = stage(x)
            if i in self.out_indices:
                normed = self.get_submodule(f'norm{i}')(x)
                maps.append(normed.permute(0, 3, 1, 2).contiguous())
        return tuple(maps)

    def init_weights(self) -> None:
        """Initialises, then loads what ``init_cfg`` names, strictly.

        MMEngine would load first and loosely.
        """
        init_transformer(self)
        if self.init_cfg is not None:
            load_pretrained(self, self.init_cfg)
        self._is_init = True

    def _with_positions(
        self, tokens: Tensor, coords: Tensor | None = None
    ) -> Tensor:
        return tokens + self._positions_of(tokens, coords)

    def _positions_of(self, tokens: Tensor, coords: Tensor | None) -> Tensor:
        """The positions of a full grid, or of tokens gathered from one."""
        if coords is not None:
            return sincos_embedding(coords, self.embed_dims)
        rows, columns = tokens.shape[1:3]
        if (rows, columns) == self.positions.shape[:2]:
            return self.positions
        if self.position_resize == 'sincos':
            coords = grid_coords(rows, columns, tokens.device)
            return sincos_embedding(coords, self.embed_dims)
        table = self.positions.permute(2, 0, 1)[None]
        resized = F.interpolate(table, (rows, columns), mode='bicubic')
        return resized[0].permute(1, 2, 0)

    def _checked_indices(self, indices: Sequence[int] | None) -> list[int]:
        if indices is None:
            return [self.num_stages - 1]
        wrong = [i for i in indices if not 0 <= i < self.num_stages]
        if wrong or not indices or len(set(indices)) < len(indices):
            raise ValueError(
                f'out_indices {tuple(indices)} must be different stages from '
                f'0 to {self.num_stages - 1}'
            )
        return sorted(indices)

    def _check(
        self, window_sizes: Sequence[int], patch_size: int, resize: str
    ) -> None:
        if len(window_sizes) != self.num_stages or min(window_sizes) < 1:
            raise ValueError(
                f'window_sizes {tuple(window_sizes)} must hold one side of '
                f'at least 1 token for each of the {self.num_stages} stages'
            )
        if patch_size < 1:
            raise ValueError(f'patch_size must be positive, got {patch_size}')
        if resize not in ('bicubic', 'sincos'):
            raise ValueError(
                f"position_resize must be 'bicubic' or 'sincos', got {resize}"
            )
