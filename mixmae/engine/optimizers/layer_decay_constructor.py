"""Layer-wise learning rate decay; weight decay of biases, norms and tables.

The layer of a parameter comes from ``get_layer_depth`` of its backbone.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from mmengine.logging import print_log
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS, OPTIMIZERS
from torch import nn

from mixmae.models.layers.position_bias import RelativePositionBias
from mixmae.registry import OPTIM_WRAPPER_CONSTRUCTORS

# Name of the bias table in Swins of other packages.
FOREIGN_TABLE = 'relative_position_bias_table'


@dataclass(frozen=True)
class ParamwiseOptions:
    """Options in ``paramwise_cfg``: decay of learning rates and of weights.

    Attributes:
        layer_decay_rate: A parameter n layers below the top has the learning
            rate times rate ** n; in (0, 1], 1 for the same rate everywhere.
        flat_decay_mult: Weight decay multiplier of one-dimensional parameters:
            biases and norms.
        bias_table_decay_mult: Weight decay multiplier of relative position
            bias tables. The official code of MixMIM decays them (1), Swin's
            does not (0).
        official_off_by_one: QUIRK(MixMIM): head and final norm get the layer
            of the last block, so nothing has the full learning rate; the
            maximum is the learning rate times the decay rate.

    Raises:
        ValueError: A value out of its range.
    """

    layer_decay_rate: float = 1.0
    flat_decay_mult: float = 1.0
    bias_table_decay_mult: float = 1.0
    official_off_by_one: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.layer_decay_rate <= 1:
            raise ValueError(
                'layer_decay_rate must be above 0 and at most 1 (1 = the same '
                f'rate for all layers), got {self.layer_decay_rate}'
            )
        for name in ('flat_decay_mult', 'bias_table_decay_mult'):
            if getattr(self, name) < 0:
                raise ValueError(
                    f'{name} multiplies the weight decay and must be 0 or '
                    f'more, got {getattr(self, name)}'
                )

    @classmethod
    def from_config(cls, paramwise_cfg: Mapping | None) -> ParamwiseOptions:
        """Read a ``paramwise_cfg``; ``ValueError`` on unknown options."""
        options = dict(paramwise_cfg or {})
        known = [field.name for field in fields(cls)]
        for name in options:
            if name not in known:
                close = difflib.get_close_matches(name, known, 1)
                hint = f'; did you mean {close[0]}?' if close else ''
                raise ValueError(
                    f'paramwise_cfg of LayerDecayOptimWrapperConstructor has '
                    f'no {name}, only {", ".join(known)}{hint}'
                )
        return cls(**options)


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class LayerDecayOptimWrapperConstructor:
    """Build an optimizer with lower learning rates in lower layers.

    The method is that of BEiT (2106.08254), as MixMIM fine-tunes. The network
    defines the depths: backbones are the modules with mmpretrain's
    ``get_layer_depth(param_name, prefix)``, wherever in the model they are. It
    therefore works the same for classifiers, detectors and segmentors, wrapped
    for several processes or not. Everything outside the backbones is the top
    layer.

    Parameters of equal learning rate and weight decay share one group, 2 x 26
    groups for a Swin-B, top first; the log shows the learning rate of the
    first. The order depends only on the model and the options, so that a
    resumed run has the same groups. Each group has its ``lr_scale``. Frozen
    parameters are omitted.

    Cosine schedules must use ``eta_min_ratio``: an ``eta_min`` is the same for
    all groups, and the rates of the lowest layers would rise to it.

    Args:
        optim_wrapper_cfg: Config of the wrapper with its ``optimizer``, which
            has an ``lr``.
        paramwise_cfg: Fields of ``ParamwiseOptions``.

    Raises:
        ValueError: On unknown options or values out of range, and, when
            called, on a model without such a backbone or without trainable
            parameters.
    """

    def __init__(
        self,
        optim_wrapper_cfg: Mapping,
        paramwise_cfg: Mapping | None = None,
    ) -> None:
        self.wrapper_cfg = dict(optim_wrapper_cfg)
        self.optimizer_cfg = dict(self.wrapper_cfg.pop('optimizer', {}))
        self.options = ParamwiseOptions.from_config(paramwise_cfg)
        rate = self.optimizer_cfg.get('lr')
        if not isinstance(rate, (int, float)) or rate <= 0:
            raise ValueError(
                'LayerDecayOptimWrapperConstructor needs '
                f'optimizer=dict(type=..., lr=...) with lr above 0, got {rate}'
            )

    def __call__(self, model: nn.Module) -> OptimWrapper:
        """Build the optimizer of a model and its wrapper."""
        groups = self.groups(model)
        used = sorted(group['lr_scale'] for group in groups)
        print_log(
            f'layer decay {asdict(self.options)}: {len(groups)} groups of '
            f'parameters, learning rates of {used[0]:.3g} to {used[-1]:.3g} '
            f'times {self.optimizer_cfg["lr"]:.3g}',
            logger='current',
        )
        optimizer = OPTIMIZERS.build(
            {**self.optimizer_cfg, 'params': groups},
        )
        return OPTIM_WRAPPERS.build(
            {'type': 'OptimWrapper', **self.wrapper_cfg},
            default_args={'optimizer': optimizer},
        )

    def groups(self, model: nn.Module) -> list[dict[str, Any]]:
        """Return the parameter groups of a model, top layer first."""
        depths = _layers_below_top(model)
        tables = _bias_tables(model)
        decay = self.optimizer_cfg.get('weight_decay')
        options = self.options
        groups: dict[tuple[float, float], dict[str, Any]] = {}
        for name, parameter in model.named_parameters():
            if not parameter.requires_grad:
                continue
            below = depths.get(name, 0)
            if options.official_off_by_one:
                below = max(below, 1)
            scale = options.layer_decay_rate**below
            times = 1.0
            if name in tables:
                times = options.bias_table_decay_mult
            elif parameter.ndim <= 1:
                times = options.flat_decay_mult
            group = groups.setdefault(
                (-scale, -times),
                {
                    'params': [],
                    'lr': self.optimizer_cfg['lr'] * scale,
                    'lr_scale': scale,
                },
            )
            if decay is not None:
                group['weight_decay'] = decay * times
            group['params'].append(parameter)
        if not groups:
            raise ValueError(
                f'all parameters of this {type(model).__name__} are frozen; '
                'there is nothing to train'
            )
        return [groups[key] for key in sorted(groups)]


def _layers_below_top(model: nn.Module) -> dict[str, int]:
    """Map the backbones' parameter names to layers below the top."""
    found = {}
    backbones = list(_backbones(model))
    if not backbones:
        raise ValueError(
            f'this {type(model).__name__} has no backbone with '
            'get_layer_depth(param_name, prefix), so the layers of its '
            'parameters are unknown; use a backbone such as mixmae.MIMSwin, '
            'or another constructor'
        )
    for prefix, backbone in backbones:
        for name, _ in backbone.named_parameters():
            layer, layers = backbone.get_layer_depth(name, '')
            if not 0 <= layer < layers:
                raise ValueError(
                    f'get_layer_depth of {type(backbone).__name__} returned '
                    f'layer {layer} for {name}, must be 0 to {layers - 1}'
                )
            found[prefix + name] = layers - 1 - layer
    return found


def _backbones(
    module: nn.Module, prefix: str = ''
) -> Iterator[tuple[str, Any]]:
    """Yield prefix and module of the outermost layer-aware modules."""
    # A classifier of mmpretrain also has this method, but it delegates to its
    # backbone and takes no prefix.
    method = getattr(module, 'get_layer_depth', None)
    if method and 'prefix' in inspect.signature(method).parameters:
        yield prefix, module
        return
    for name, child in module.named_children():
        yield from _backbones(child, f'{prefix}{name}.')


def _bias_tables(model: nn.Module) -> set[str]:
    """Return the names of the relative position bias tables."""
    ours = {
        f'{name}.table' if name else 'table'
        for name, module in model.named_modules()
        if isinstance(module, RelativePositionBias)
    }
    foreign = {
        name
        for name, _ in model.named_parameters()
        if name.split('.')[-1] == FOREIGN_TABLE
    }
    return ours | foreign
