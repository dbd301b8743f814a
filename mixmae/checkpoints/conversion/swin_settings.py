"""Settings that are needed to rebuild a MIMSwin.

Its tensors show widths, depths and windows, but not whether it shifts windows
or which positions it uses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from torch import Tensor

from mixmae.config.config_paths import type_name
from mixmae.models.backbones.mim_swin import swin_arch
from mixmae.models.layers.absolute_positions import token_grid

# Settings that tensors do not show.
_RECORDED = (
    'img_size',
    'shift',
    'absolute_positions',
    'mask_padding',
    'position_resize',
    'norm_eps',
)
_DEFAULT_WINDOWS = (14, 14, 14, 7)
# Other values have no counterpart in other code bases.
_PLAIN = {
    'position_bias': 'table',
    'merging': 'linear',
    'block_norm_eps': None,
    'output_norms': True,
}


def is_standard_swin(config: Mapping[str, Any]) -> bool:
    """Return True for the config of a Swin that other code bases can build."""
    return type_name(config) == 'MIMSwin' and all(
        config.get(key, plain) == plain for key, plain in _PLAIN.items()
    )


@dataclass(frozen=True)
class SwinSettings:
    """Arguments of a ``MIMSwin``, with the same defaults."""

    embed_dims: int
    depths: tuple[int, ...]
    num_heads: tuple[int, ...]
    patch_size: int
    window_sizes: tuple[int, ...]
    mlp_ratio: float = 4.0
    img_size: int | tuple[int, int] = 224
    shift: bool = False
    absolute_positions: bool = True
    mask_padding: bool = True
    position_resize: str = 'bicubic'
    norm_eps: float = 1e-5
    in_channels: int = 3

    @property
    def grids(self) -> list[tuple[int, int]]:
        """Return the token grid (rows, columns) of each stage."""
        strides = [self.patch_size << i for i in range(len(self.depths))]
        return [token_grid(self.img_size, stride) for stride in strides]

    @classmethod
    def of(
        cls, state: Mapping[str, Tensor], config: Mapping[str, Any]
    ) -> SwinSettings:
        """Combine the tensors and the config of a MIMSwin.

        Args:
            state: State dict in our names, without prefix.
            config: Config of the backbone.

        Raises:
            ValueError: The config is of another network.
        """
        if type_name(config) != 'MIMSwin':
            raise ValueError(
                f'the config has a backbone of type {config.get("type")}, but '
                'only mixmae.MIMSwin can be converted'
            )
        objections = [
            f'it has {key}={config[key]!r}, not {plain!r}'
            for key, plain in _PLAIN.items()
            if config.get(key, plain) != plain
        ]
        refuse('a Swin that other code bases can build', objections)
        found = settings_from_shapes(state)
        claims = {
            'window_sizes': tuple(
                config.get('window_sizes', _DEFAULT_WINDOWS)
            ),
            'patch_size': config.get('patch_size', 4),
            'in_channels': config.get('in_channels', 3),
            **swin_arch(config.get('arch', 'base'))._asdict(),
        }
        ratio = config.get('mlp_ratio', SwinSettings.mlp_ratio)
        # MLPs have an integer number of channels for any ratio.
        hidden = round(found.mlp_ratio * found.embed_dims)
        if int(found.embed_dims * ratio) == hidden:
            found = replace(found, mlp_ratio=ratio)
        else:
            claims['mlp_ratio'] = ratio
        for key, claimed in claims.items():
            if getattr(found, key) != claimed:
                raise ValueError(
                    f'the config describes another network: its {key} is '
                    f'{claimed}, the tensors imply {getattr(found, key)}'
                )
        recorded = {key: config[key] for key in _RECORDED if key in config}
        if isinstance(recorded.get('img_size'), list):
            recorded['img_size'] = tuple(recorded['img_size'])
        return replace(found, **recorded)

    def at(self, img_size: int | None) -> SwinSettings:
        """Return the settings for another image size; None = the same.

        Raises:
            ValueError: The size is less than one pixel.
        """
        if img_size is None:
            return self
        if img_size < 1:
            raise ValueError(f'--img-size must be at least 1, got {img_size}')
        return replace(self, img_size=img_size)

    def config(self) -> dict[str, Any]:
        """Return a config that builds the network."""
        # Defaults are omitted, for shorter configs.
        arguments = {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if getattr(self, field.name) != field.default
        }
        arch = {
            name: arguments.pop(name)
            for name in ('embed_dims', 'depths', 'num_heads')
        }
        return {'type': 'mixmae.MIMSwin', 'arch': arch, **arguments}


def count_numbered(state: Mapping[str, Tensor], prefix: str) -> int:
    """Return how many numbers follow a prefix in the keys."""
    return len(
        {
            key[len(prefix) :].split('.')[0]
            for key in state
            if key.startswith(prefix)
        }
    )


def settings_from_shapes(state: Mapping[str, Tensor]) -> SwinSettings:
    """Return the settings that the shapes of tensors determine.

    Args:
        state: State dict in our names, without prefix.

    Raises:
        ValueError: Tensors that determine sizes are missing.
    """
    try:
        stages = range(count_numbered(state, 'stages.'))
        tables = [
            state[f'stages.{i}.blocks.0.attn.position_bias.table']
            for i in stages
        ]
        patches = state['patch_embed.proj.weight']
        hidden = state['stages.0.blocks.0.mlp.fc1.weight'].size(0)
    except KeyError as error:
        raise ValueError(
            f'the backbone is incomplete: {error.args[0]} is missing'
        ) from None
    return SwinSettings(
        embed_dims=patches.size(0),
        depths=tuple(
            count_numbered(state, f'stages.{i}.blocks.') for i in stages
        ),
        num_heads=tuple(table.size(1) for table in tables),
        patch_size=patches.size(-1),
        window_sizes=tuple((round(t.size(0) ** 0.5) + 1) // 2 for t in tables),
        mlp_ratio=hidden / patches.size(0),
        in_channels=patches.size(1),
    )


def swin_objections(settings: SwinSettings, per_stage: bool) -> list[str]:
    """Return why a network cannot be a standard Swin; empty if it can.

    Args:
        settings: Settings of the network.
        per_stage: Whether the target takes one window per stage rather than
            one.
    """
    objections = []
    windows = settings.window_sizes
    if not settings.shift:
        objections.append(
            'its windows are never shifted (shift=False), but Swin shifts '
            'every second block'
        )
    if len(set(windows)) > 1 and not per_stage:
        objections.append(
            f'its windows {", ".join(map(str, windows))} differ, but Swin has '
            'one window for all stages'
        )
    if settings.absolute_positions:
        objections.append(
            'it adds fixed sine-cosine positions to its tokens '
            '(absolute_positions=True), but Swin has none'
        )
    return objections


def size_objections(settings: SwinSettings) -> list[str]:
    """Return why the image size does not fit; empty if it does."""
    size = settings.img_size
    sides = (size,) if isinstance(size, int) else size
    if all(side % settings.patch_size == 0 for side in sides):
        return []
    return [
        f'image size {settings.img_size} is not a multiple of its patch size '
        f'of {settings.patch_size} pixels'
    ]


def refuse(target: str, objections: list[str]) -> None:
    """Raise if there are objections, and name alternatives.

    Raises:
        ValueError: There are objections.
    """
    if objections:
        raise ValueError(
            f'this network cannot become {target}: '
            f'{"; ".join(objections)}. It can be used without conversion in '
            f"any framework: backbone=dict(type='mixmae.MIMSwin', "
            f"init_cfg=dict(type='Pretrained', checkpoint=...), ...)"
        )
