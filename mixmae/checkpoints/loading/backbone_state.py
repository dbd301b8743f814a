"""Strict loading of a pretrained backbone."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from mmengine.logging import print_log
from torch import Tensor, nn

from mixmae.checkpoints.io.safe_load import safe_load
from mixmae.checkpoints.io.state_dict import (
    state_dict_of,
    unwrapped,
    without_prefix,
)
from mixmae.checkpoints.loading.key_map import code_base_of
from mixmae.checkpoints.loading.official_weights import (
    from_official_mixmim,
    from_official_um_mae,
    is_official_mixmim,
    is_official_um_mae,
)
from mixmae.checkpoints.loading.recorded_model import (
    hyperparameter_mismatches,
)
from mixmae.fileio.address import public_address, public_addresses

# Parts of pretraining and classification models besides the backbone.
_OTHER_PARTS = ('neck', 'head', 'data_preprocessor')
_TABLE = 'position_bias.table'
# Number of keys named in a message.
_NAMED_KEYS = 5
# Key of NormedPooling; such a classifier has no norm of its last map.
_POOLED_NORM = 'neck.norm.weight'
# Checkpoints with other key names: how to recognise and rename them.
_OFFICIAL = {
    'official MixMIM': (is_official_mixmim, from_official_mixmim),
    'official UM-MAE': (is_official_um_mae, from_official_um_mae),
}


class BackboneState(NamedTuple):
    """The backbone's part of a checkpoint.

    Attributes:
        state: Tensors under the backbone's own names.
        dropped: Number of omitted tensors by name of the other part.
        kind: Recognised kind of checkpoint, for the log.
        pooled: Whether it is of a classifier with ``NormedPooling``.
    """

    state: dict[str, Tensor]
    dropped: dict[str, int]
    kind: str
    pooled: bool = False


def load_pretrained(backbone: nn.Module, init_cfg: Mapping) -> None:
    """Load the checkpoint of an ``init_cfg`` into a backbone.

    Accepts the file of a pretraining run, of a classifier fine-tuned from it,
    of the official MixMIM or UM-MAE (pretraining or fine-tuning), or a
    backbone's own state dict; ``module.`` or another wrapper before every key
    is removed. Bias tables of other window sizes are resized,
    and norms of outputs that are not requested are omitted. Newly initialised
    are norms of outputs for which the checkpoint has none (the last one only
    if a classifier's ``NormedPooling`` replaced it) and the backbone's
    ``optional_keys``. One log line reports this.

    Args:
        backbone: One of mixmae's backbones.
        init_cfg: ``dict(type='Pretrained', checkpoint=path or URL)`` of a
            ``.pth`` or ``.safetensors`` file; with ``prefix='backbone.'`` the
            tensors of that prefix, regardless of other content of the file.

    Raises:
        ValueError: Another kind of ``init_cfg``, an unreadable file, that of a
            detector or segmentor, keys or shapes that do not fit, or positions
            or norms that differ from the checkpoint's config.
    """
    allowed = {'type', 'checkpoint', 'prefix', 'map_location'}
    if (
        not isinstance(init_cfg, Mapping)
        or init_cfg.get('type') not in ('Pretrained', 'mmengine.Pretrained')
        or 'checkpoint' not in init_cfg
        or not allowed.issuperset(init_cfg)
    ):
        raise ValueError(
            "init_cfg of a backbone must be dict(type='Pretrained', "
            'checkpoint=...), optionally with prefix, got '
            f'{public_addresses(str(init_cfg))}'
        )
    path = public_address(str(init_cfg['checkpoint']))
    try:
        content = safe_load(init_cfg['checkpoint'])
        found = backbone_state(content, init_cfg.get('prefix'))
        changes = hyperparameter_mismatches(content, backbone)
    except ValueError as error:
        if path in str(error):
            raise
        raise ValueError(f'{path}: {error}') from None
    wanted = backbone.state_dict()
    last = f'norm{len(getattr(backbone, "stages", ())) - 1}.'
    # The pretrained final norm is not used if other stages are requested.
    unused = [
        key
        for key in found.state
        if key.startswith('norm') and key not in wanted
    ]
    state = {k: v for k, v in found.state.items() if k not in unused}
    missing = [key for key in wanted if key not in state]
    optional: frozenset[str] = getattr(backbone, 'optional_keys', frozenset())
    new = [
        key
        for key in missing
        if key in optional
        or (
            key.startswith('norm')
            and (found.pooled or not key.startswith(last))
        )
    ]
    problems = _problems(
        state, wanted, [key for key in missing if key not in new]
    )
    if problems:
        other = code_base_of(state)
        hint = (
            f'it has the keys of {other}; convert it first (python '
            f'tools/convert.py {path} OUT --from {other}); '
            if other
            else ''
        )
        raise ValueError(
            f'{path} ({found.kind}) does not match this '
            f'{type(backbone).__name__}: {hint}{"; ".join(problems)}'
        )
    resized = _resized(state, wanted)
    backbone.load_state_dict(state, strict=False)
    dropped = {**found.dropped, **_by_part(unused)}
    print_log(
        f'backbone from {path} ({found.kind}): {len(state)} tensors loaded, '
        f'{sum(resized.values())} of them resized{_listed(resized)}, '
        f'{sum(dropped.values())} dropped{_listed(dropped)}, {len(new)} '
        f'new{_listed(_by_part(new))}{changes}',
        'current',
    )


def backbone_state(
    checkpoint: Mapping, prefix: str | None = None
) -> BackboneState:
    """Find the backbone in a checkpoint.

    Args:
        checkpoint: Content of a checkpoint file, or a state dict.
        prefix: Prefix of the backbone's tensors; None = detect.

    Raises:
        ValueError: No state dict, no tensors of that prefix, unknown keys in
            an official checkpoint, or parts that neither pretraining nor
            classification models have.
    """
    state = state_dict_of(checkpoint)
    if prefix is not None:
        # As MMEngine reads it.
        if prefix and not prefix.endswith('.'):
            prefix += '.'
        inner = without_prefix(state, prefix)
        if not inner:
            raise ValueError(
                f'no key starts with the prefix {prefix}; the file has '
                f'{_some(sorted(_by_part(state)))}'
            )
        dropped = _by_part(k for k in state if not k.startswith(prefix))
        pooled = _POOLED_NORM in state
        return BackboneState(inner, dropped, f'prefix {prefix}', pooled)
    state = unwrapped(state)
    kind = 'a bare backbone'
    dropped = {}
    for name, (recognised, renamed) in _OFFICIAL.items():
        if recognised(state):
            state, report = renamed(state)
            if report.unexpected:
                raise ValueError(
                    f'an {name} checkpoint with {len(report.unexpected)} '
                    f'unknown keys ({_some(report.unexpected)})'
                )
            kind, dropped = name, dict(Counter(report.dropped.values()))
            break
    parts = _by_part(state)
    if 'backbone' in parts:
        others = {k: n for k, n in parts.items() if k != 'backbone'}
        foreign = sorted(set(others) - set(_OTHER_PARTS))
        if foreign:
            raise ValueError(
                f'a model with {", ".join(foreign)}, neither a pretraining '
                f'model nor a classifier: its backbone was trained for that '
                f"task. To use it nevertheless, add prefix='backbone.' to "
                f'init_cfg; to load the complete model, use load_from'
            )
        if kind == 'a bare backbone':
            pretraining = 'neck' in others and _POOLED_NORM not in state
            kind = 'a pretraining' if pretraining else 'a classifier'
        dropped |= others
        return BackboneState(
            without_prefix(state, 'backbone.'),
            dropped,
            kind,
            _POOLED_NORM in state,
        )
    inner = {
        key: value
        for key, value in state.items()
        if key.split('.')[0] not in _OTHER_PARTS
    }
    dropped |= _by_part(key for key in state if key not in inner)
    return BackboneState(inner, dropped, kind)


def _problems(
    state: Mapping[str, Tensor],
    wanted: Mapping[str, Tensor],
    missing: list[str],
) -> list[str]:
    """Return a phrase for each kind of mismatch of keys or tensors."""
    unexpected = [key for key in state if key not in wanted]
    common = [key for key in state if key in wanted]
    misshapen = [
        f'{key} {tuple(state[key].shape)} for {tuple(wanted[key].shape)}'
        for key in common
        if not _fits(key, state[key], wanted[key])
    ]
    infinite = [key for key in common if not state[key].isfinite().all()]
    problems = []
    if missing:
        near = _nearest(missing[0], unexpected or list(state))
        problems.append(
            f'{len(missing)} keys missing ({_some(missing)}; closest to '
            f'the first in the file: {near})'
        )
    if unexpected:
        near = _nearest(unexpected[0], missing or list(wanted))
        problems.append(
            f'{len(unexpected)} unexpected ({_some(unexpected)}; closest to '
            f'the first in the network: {near})'
        )
    if misshapen:
        problems.append(
            f'{len(misshapen)} with another shape ({_some(misshapen)})'
        )
    if infinite:
        problems.append(f'{len(infinite)} not finite ({_some(infinite)})')
    return problems


def _fits(key: str, given: Tensor, wanted: Tensor) -> bool:
    if key.endswith(_TABLE) and given.ndim == 2:
        # Rows can be resized; the number of columns (heads) must match.
        side = round(given.size(0) ** 0.5)
        square = side**2 == given.size(0) and side % 2 == 1
        return square and given.size(1) == wanted.size(1)
    return given.shape == wanted.shape


def _resized(
    state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]
) -> dict[str, int]:
    """Count tables by saved and new window size."""
    windows = [
        tuple(
            (round(table.size(0) ** 0.5) + 1) // 2
            for table in (state[key], wanted[key])
        )
        for key in state
        if key.endswith(_TABLE)
    ]
    return dict(
        Counter(f'window {old} -> {new}' for old, new in windows if old != new)
    )


def _by_part(keys) -> dict[str, int]:
    """Count keys by the text before their first dot."""
    return dict(Counter(key.split('.')[0] for key in keys))


def _nearest(key: str, others: list[str]) -> str:
    found = difflib.get_close_matches(key, others, _NAMED_KEYS, cutoff=0.0)
    return ', '.join(found) or 'none'


def _listed(counts: Mapping[str, int]) -> str:
    text = ', '.join(f'{name}: {count}' for name, count in counts.items())
    return text and f' ({text})'


def _some(keys: list[str]) -> str:
    shown = ', '.join(keys[:_NAMED_KEYS]) or 'none'
    return shown + (', ...' if len(keys) > _NAMED_KEYS else '')
