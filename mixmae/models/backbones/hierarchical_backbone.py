"""Base class of backbones: calling, loading, freezing, layer of a parameter.

Axes: B images, H and W pixels, h and w a token grid, C channels.
"""

from __future__ import annotations

from collections.abc import Sequence

from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mixmae.models.layers.patches import keep_traced_size
from mixmae.models.layers.transformer_block import init_transformer
from mixmae.structures import AttentionGroups

# Parts of a backbone that are below its last layer.
_BELOW_TOP = ('patch_embed', 'positions', 'stages')


class HierarchicalBackbone(BaseModule):
    """A patch embedding, positions, and stages at doubling strides.

    A backbone draws no masks, mixes no images and does not depend on the
    method. In pretraining a model calls ``embed`` and ``encode``, downstream
    a detector calls ``backbone(images)``: same class, same keys. Subclasses
    build ``patch_embed``, ``positions`` (or None) and ``stages``, which are
    called with tokens, groups and coords of their own grid, then call
    ``finish``.

    Args:
        num_features: channels of each stage's map.
        depths: blocks per stage.
        stride: pixels per token of the last map.
        out_indices: stages, or one, that ``forward`` returns; None = the last.
            Each has a final norm of its own; the last stage's is the
            pretrained one.
        frozen_stages: as in mmdet: -1 freezes nothing, 0 the patch embedding,
            k that and the first k stages with the norms of their outputs.
            Frozen modules stay in evaluation mode.
        norm_eval: keep all norms in evaluation mode. Layer norms have no
            running statistics, so this changes nothing unless batch norms
            were put into the network.
        init_cfg: MMEngine's; ``dict(type='Pretrained', checkpoint=...)``
            loads a pretraining or backbone checkpoint strictly, after the
            initialisation.

    Raises:
        ValueError: ``stride``, ``out_indices`` or ``frozen_stages`` out of
            range.

    Attributes:
        takes_groups: ``encode`` keeps two groups of tokens apart exactly, in
            attention and in all other layers (MixMAE). A subclass sets it: a
            layer that mixes tokens without regard to groups would show the
            network what it has to predict.
        takes_coords: ``encode`` accepts tokens that were gathered from a
            larger grid (UM-MAE). A subclass sets it.
        unsupported: why one of the two is False, see ``mark_unsupported``.
            Necks quote it in errors.
        checked_hyperparameters: settings of the network that cannot be
            inferred from the shapes of its tensors, by name; the
            hyperparameter mismatch check compares them with those of the
            checkpoint.
        optional_keys: parameters that a checkpoint may lack, because they
            start from computed values.
        in_channels: channels of the images.
    """

    in_channels: int = 3
    takes_groups: bool = False
    takes_coords: bool = False
    optional_keys: frozenset[str] = frozenset()
    patch_embed: nn.Module
    positions: nn.Module | None
    stages: nn.ModuleList

    def __init__(
        self,
        num_features: Sequence[int],
        depths: Sequence[int],
        stride: int,
        out_indices: int | Sequence[int] | None = None,
        frozen_stages: int = -1,
        norm_eval: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        if stride < 1:
            raise ValueError(
                f'patch_size must be positive, got a total stride of {stride}'
            )
        super().__init__(init_cfg)
        self.num_features = list(num_features)
        self.num_stages = len(self.num_features)
        self.depths = list(depths)
        self.stride = stride
        self.out_indices = self._checked_indices(out_indices)
        if not -1 <= frozen_stages <= self.num_stages:
            raise ValueError(
                f'frozen_stages must be from -1 (nothing) to '
                f'{self.num_stages} (all stages), got {frozen_stages}'
            )
        self.frozen_stages = frozen_stages
        self.norm_eval = norm_eval
        self.unsupported: dict[str, str] = {}
        self.checked_hyperparameters: dict[str, object] = {}

    def mark_unsupported(self, capability: str, reason: str) -> None:
        """States that this backbone lacks a capability.

        Args:
            capability: 'takes_groups' or 'takes_coords'.
            reason: end of a sentence that begins with the backbone's name.
        """
        setattr(self, capability, False)
        self.unsupported[capability] = reason

    def finish(self, norm_eps: float, output_norms: bool = True) -> None:
        """Adds the norms of the outputs and freezes ``frozen_stages``.

        Args:
            norm_eps: their epsilon.
            output_norms: False leaves them out, for classifiers that norm
                the pooled map instead, see ``NormedPooling``.
        """
        for i in self.out_indices:
            norm = (
                nn.LayerNorm(self.num_features[i], eps=norm_eps)
                if output_norms
                else nn.Identity()
            )
            self.add_module(f'norm{i}', norm)
        for module in self._frozen():
            module.requires_grad_(False)

    def embed(self, images: Tensor) -> Tensor:
        """Patches as tokens, without positions.

        Args:
            images: (B, in_channels, H, W), normalised.

        Returns:
            (B, H / patch, W / patch, C); sides rounded up, zeros padded.

        Raises:
            ValueError: the images have another number of channels.
        """
        channels = self.in_channels
        if images.ndim != 4 or images.size(1) != channels:
            raise ValueError(
                f'{type(self).__name__} has in_channels={channels} and takes '
                f'images (B, {channels}, H, W), got {tuple(images.shape)}; '
                f'in_channels of the config sets the channels of loader and '
                f'network alike'
            )
        return self.patch_embed(keep_traced_size(images, 2, 'images'))

    def embed_token(self, token: Tensor) -> Tensor:
        """A learned token (..., C), normed as ``embed`` norms its tokens."""
        norm = getattr(self.patch_embed, 'norm', None)
        return token if norm is None else norm(token)

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
            ValueError: ``out_indices`` leaves out the last stage, or the
                backbone takes no coords.
        """
        last = self.num_stages - 1
        if last not in self.out_indices:
            raise ValueError(
                f'encoding ends in stage {last}, which out_indices '
                f'{self.out_indices} leave out'
            )
        if coords is not None and not self.takes_coords:
            reason = self.unsupported.get('takes_coords', 'takes no coords')
            raise ValueError(f'{type(self).__name__} {reason}')
        x = self._with_positions(tokens, coords)
        for i, stage in enumerate(self.stages):
            if i and coords is not None:
                # A merged token has the place of its top left one, in
                # units of twice the size (UM-MAE models_mae_swin.py:144).
                coords = coords[:, ::2, ::2] / 2
            x = stage(x, groups, coords)
        return self.get_submodule(f'norm{last}')(x)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Feature maps of any images, for downstream tasks.

        Args:
            images: (B, in_channels, H, W), normalised, any H and W.

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
        """Initialises, then loads the checkpoint of ``init_cfg`` strictly.

        MMEngine would load first, and not strictly.
        """
        self._initialise()
        self._is_init = True
        if self.init_cfg is None:
            return
        # A training from scratch needs none of the checkpoint code.
        from mixmae.checkpoints.loading.backbone_state import load_pretrained

        load_pretrained(self, self.init_cfg)

    def train(self, mode: bool = True) -> HierarchicalBackbone:
        """Sets the mode; frozen modules stay in evaluation mode."""
        super().train(mode)
        kept = self._frozen()
        if self.norm_eval:
            norms = (nn.LayerNorm, _BatchNorm)
            kept += [m for m in self.modules() if isinstance(m, norms)]
        for module in kept:
            module.eval()
        return self

    def get_layer_depth(
        self, param_name: str, prefix: str = ''
    ) -> tuple[int, int]:
        """Depth of a parameter, for layer-wise learning rates.

        Layer 0 is the patch embedding, each block is a layer, patch merging
        belongs to the block that follows it, and all modules after the last
        block (norms of outputs, necks, heads) are the last layer.

        Args:
            param_name: name of a parameter in the whole model.
            prefix: prefix of the backbone's parameters, e.g. 'backbone.'.

        Returns:
            (layer, number of layers), the layer from 0; the interface of
            mmpretrain's backbones.
        """
        layers = sum(self.depths) + 2
        part, *inner = param_name.removeprefix(prefix).split('.')
        if not param_name.startswith(prefix) or part not in _BELOW_TOP:
            return layers - 1, layers
        if part != 'stages':
            return 0, layers
        first = sum(self.depths[: int(inner[0])]) + 1
        return first + (int(inner[2]) if inner[1] == 'blocks' else 0), layers

    def _initialise(self) -> None:
        """Initialisation without loading, for ``init_weights``."""
        init_transformer(self)

    def _with_positions(
        self, tokens: Tensor, coords: Tensor | None = None
    ) -> Tensor:
        x = keep_traced_size(tokens, 1, 'token grids')
        return x if self.positions is None else self.positions(x, coords)

    def _frozen(self) -> list[nn.Module]:
        """Modules that keep their weights."""
        if self.frozen_stages < 0:
            return []
        stages = self.frozen_stages
        norms = [f'norm{i}' for i in self.out_indices if i < stages]
        return [
            self.patch_embed,
            *([] if self.positions is None else [self.positions]),
            *self.stages[:stages],
            *map(self.get_submodule, norms),
        ]

    def _checked_indices(
        self, indices: int | Sequence[int] | None
    ) -> list[int]:
        if indices is None:
            return [self.num_stages - 1]
        chosen = [indices] if isinstance(indices, int) else list(indices)
        allowed = set(chosen) & set(range(self.num_stages))
        if not chosen or len(allowed) < len(chosen):
            raise ValueError(
                f'out_indices {tuple(chosen)} must be different stages from '
                f'0 to {self.num_stages - 1}'
            )
        return sorted(chosen)
