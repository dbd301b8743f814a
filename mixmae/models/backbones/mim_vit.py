"""ViT for methods that need no hierarchy.

Axes: B images, h and w a token grid, N tokens, C channels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from mixmae.models.backbones.hierarchical_backbone import HierarchicalBackbone
from mixmae.models.layers.absolute_positions import (
    build_positions,
    token_grid,
)
from mixmae.models.layers.attention import check_heads
from mixmae.models.layers.patches import PatchEmbed
from mixmae.registry import MODELS
from mixmae.structures import AttentionGroups

POSITIONS = ('sincos', 'learned')
_ARCH_KEYS = ('embed_dims', 'num_layers', 'num_heads', 'feedforward_channels')


@MODELS.register_module()
class MIMViT(HierarchicalBackbone):
    """A plain vision transformer (2010.11929) as MAE pretrains it.

    Its blocks are those of mmpretrain's ``VisionTransformer``, which is
    imported when the first one is built. The class token is internal to the
    backbone: it is added after the positions, takes part in every block, and
    is removed from the output; classifiers pool the patches
    (``NormedPooling``). Each block counts as a stage, all at one stride, so
    that ``out_indices`` and ``frozen_stages`` count blocks.

    Args:
        arch: a name of mmpretrain's, e.g. 'base', 'large' or 'deit-small',
            or a dict of embed_dims, num_layers, num_heads and
            feedforward_channels.
        img_size: side, or (height, width), in pixels of the images that the
            positions are made for.
        patch_size: side of a patch in pixels; the stride of all maps.
        in_channels: channels of the images.
        drop_path_rate: rate of the last block; rises linearly from 0.
        out_indices, frozen_stages, norm_eval, init_cfg: see
            ``HierarchicalBackbone``. The class token is frozen with the
            patch embedding.
        positions: 'sincos' (frozen sines and cosines), or 'learned' (the same
            to start with, and a checkpoint may lack them).
        position_resize: how frozen positions are interpolated for a grid
            other than ``img_size``'s; see ``SinCosPositions``. Learned ones
            are always interpolated, 'bicubic'.
        with_cp: recompute blocks in the backward pass, to save memory.
        norm_eps: epsilon of the layer norms.
        output_norms: see ``HierarchicalBackbone.finish``.

    Raises:
        ValueError: arguments out of range, or that disagree.
    """

    takes_coords = True

    def __init__(
        self,
        arch: str | Mapping = 'base',
        img_size: int | Sequence[int] = 224,
        patch_size: int = 16,
        in_channels: int = 3,
        drop_path_rate: float = 0.0,
        out_indices: Sequence[int] | None = None,
        frozen_stages: int = -1,
        norm_eval: bool = False,
        positions: str = 'sincos',
        position_resize: str = 'bicubic',
        with_cp: bool = False,
        norm_eps: float = 1e-6,
        output_norms: bool = True,
        init_cfg: dict | None = None,
    ) -> None:
        if not isinstance(with_cp, bool):
            raise ValueError(
                f'with_cp of a MIMViT is True (recompute whole blocks) or '
                f'False, got {with_cp!r}'
            )
        dims, blocks = _blocks(arch, drop_path_rate, norm_eps)
        super().__init__(
            [dims] * len(blocks),
            [1] * len(blocks),
            patch_size,
            out_indices,
            frozen_stages,
            norm_eval,
            init_cfg,
        )
        self.mark_unsupported(
            'takes_groups',
            'has a class token, which attends to both groups in every block '
            'and mixes their information',
        )
        self.embed_dims = dims
        self.patch_size = patch_size
        self.in_channels = in_channels
        self.with_cp = with_cp
        self.checked_hyperparameters = {
            'img_size': img_size,
            'norm_eps': norm_eps,
            'positions': positions,
            'position_resize': position_resize,
        }
        self.positions = build_positions(
            positions,
            token_grid(img_size, patch_size),
            dims,
            position_resize,
            POSITIONS,
        )
        if positions == 'learned':
            self.optional_keys = frozenset({'positions.table'})
            self.mark_unsupported(
                'takes_coords',
                'with learned positions knows its own grid only',
            )
        self.patch_embed = PatchEmbed(patch_size, dims, None, in_channels)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dims))
        self.stages = blocks
        self.finish(norm_eps, output_norms)
        self.cls_token.requires_grad_(frozen_stages < 0)

    def encode(
        self,
        tokens: Tensor,
        groups: AttentionGroups | None = None,
        coords: Tensor | None = None,
    ) -> Tensor:
        """Patches to latents, after the last norm, without the class token.

        Args:
            tokens, groups, coords: the fields of ``EncoderInput``.

        Returns:
            (B, h, w, C).

        Raises:
            ValueError: groups are given, which cannot be kept apart; coords
                are given, but positions are learned; or ``out_indices``
                leaves out the last block.
        """
        for name, given in (
            ('takes_groups', groups),
            ('takes_coords', coords),
        ):
            if given is not None and not getattr(self, name):
                raise ValueError(f'MIMViT {self.unsupported[name]}')
        last = self.num_stages - 1
        if last not in self.out_indices:
            raise ValueError(
                f'encoding ends in block {last}, which out_indices '
                f'{self.out_indices} leave out'
            )
        *_, latent = self._maps(tokens, coords)
        return latent

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Feature maps of any images, for downstream tasks.

        Args:
            images: (B, in_channels, H, W), normalised, any H and W.

        Returns:
            One normalised (B, C, h, w) per block of ``out_indices``.
        """
        return tuple(
            latent.permute(0, 3, 1, 2).contiguous()
            for latent in self._maps(self.embed(images))
        )

    def _initialise(self) -> None:
        """Initialises as MAE does."""
        proj = self.patch_embed.get_submodule('proj')
        assert isinstance(proj, nn.Conv2d) and proj.bias is not None
        # As the linear map that the convolution is.
        nn.init.xavier_uniform_(proj.weight.flatten(1))
        nn.init.zeros_(proj.bias)
        nn.init.normal_(self.cls_token, std=0.02)
        super()._initialise()

    def get_layer_depth(
        self, param_name: str, prefix: str = ''
    ) -> tuple[int, int]:
        """Depth of a parameter; see ``HierarchicalBackbone``.

        The class token has the depth of the patch embedding.
        """
        if param_name == prefix + 'cls_token':
            return 0, self.num_stages + 2
        return super().get_layer_depth(param_name, prefix)

    def _maps(
        self, tokens: Tensor, coords: Tensor | None = None
    ) -> Iterator[Tensor]:
        """Normed tokens (B, h, w, C) after each block of ``out_indices``."""
        patches = self._with_positions(tokens, coords).flatten(1, 2)
        x = torch.cat(
            [self.cls_token.expand(tokens.size(0), -1, -1), patches], 1
        )
        for i, block in enumerate(self.stages[: self.out_indices[-1] + 1]):
            x = self._run(block, x)
            if i in self.out_indices:
                normed = self.get_submodule(f'norm{i}')(x[:, 1:])
                yield normed.unflatten(1, tokens.shape[1:3])

    def _run(self, block: nn.Module, x: Tensor) -> Tensor:
        if self.with_cp and torch.is_grad_enabled():
            return checkpoint(block, x, use_reentrant=False)
        return block(x)


def _blocks(
    arch: str | Mapping, drop_path_rate: float, norm_eps: float
) -> tuple[int, nn.ModuleList]:
    """Channels and blocks of one of mmpretrain's vision transformers."""
    # By its name: an import would slow down `import mixmae.models`.
    vit = MODELS.get('mmpretrain.VisionTransformer')
    if not isinstance(arch, str):
        arch = _checked_arch(arch)
    elif arch.lower() not in vit.arch_zoo:
        raise ValueError(
            f'unknown arch {arch!r}; choose from {sorted(vit.arch_zoo)}, or '
            f'give a dict with {", ".join(_ARCH_KEYS)}'
        )
    if not 0 <= drop_path_rate < 1:
        raise ValueError(
            f'drop path rate must be in [0, 1), got {drop_path_rate}'
        )
    built = vit(
        arch=arch,
        drop_path_rate=drop_path_rate,
        norm_cfg=dict(type='LN', eps=norm_eps),
    )
    return built.embed_dims, nn.ModuleList(built.layers)


def _checked_arch(arch: Mapping) -> dict:
    if set(arch) != set(_ARCH_KEYS):
        raise ValueError(
            f'an arch dict has the keys {sorted(_ARCH_KEYS)}, got '
            f'{sorted(arch)}'
        )
    check_heads(arch['embed_dims'], arch['num_heads'])
    layers, hidden_dims = arch['num_layers'], arch['feedforward_channels']
    if layers < 1 or hidden_dims < 1:
        raise ValueError(
            f'num_layers and feedforward_channels must be at least 1, got '
            f'{layers} and {hidden_dims}'
        )
    return dict(arch)
