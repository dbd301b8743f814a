"""Loading a pretrained backbone: everything, or a clear refusal."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from mmengine.logging import print_log
from torch import Tensor, nn

from mixmae.checkpoints.io.safe_load import safe_load
from mixmae.checkpoints.io.state_dict import state_dict_of
from mixmae.checkpoints.loading.hyperparameter_check import untraced_changes
from mixmae.checkpoints.loading.official_mixmim import (
    from_official_mixmim,
    is_official_mixmim,
)
from mixmae.checkpoints.loading.official_um_mae import (
    from_official_um_mae,
    is_official_um_mae,
)
from mixmae.fileio.address import public_address, public_addresses

# What a pretraining or classification model holds beside its backbone.
_OTHER_PARTS = ('neck', 'head', 'data_preprocessor')
_TABLE = 'position_bias.table'
# Of NormedPooling, with which a classifier has no norm of its last map.
_POOLED_NORM = 'neck.norm.weight'
# Checkpoints in other names: how they are recognised and renamed.
_OFFICIAL = {
    'official MixMIM': (is_official_mixmim, from_official_mixmim),
    'official UM-MAE': (is_official_um_mae, from_official_um_mae),
}


class BackboneState(NamedTuple):
    """The backbone's part of a checkpoint.

    Attributes:
        state: tensors under the backbone's own names.
        dropped: name of another part -> how many of its tensors were left.
        kind: what the checkpoint was recognised as, for the log.
        pooled: it is of a classifier with ``NormedPooling``.
    """

    state: dict[str, Tensor]
    dropped: dict[str, int]
    kind: str
    pooled: bool = False


def load_pretrained(backbone: nn.Module, init_cfg: Mapping) -> None:
    """Loads the checkpoint that an ``init_cfg`` names into a backbone.

    Takes the file of a pretraining run, of a classifier fine-tuned from it, of
    the official MixMIM or UM-MAE (pretraining or fine-tuning), or a backbone's
    own state dict. Bias tables of other windows are resized, norms of outputs
    that are not asked for are left out; norms of outputs that the checkpoint
    has none for start anew (the last one only if a classifier's
    ``NormedPooling`` took its place), and so do the backbone's
    ``optional_keys``. One line in the log says so.

    Args:
        backbone: one of mixmae's backbones.
        init_cfg: ``dict(type='Pretrained', checkpoint=path or URL)`` of a
            ``.pth`` or ``.safetensors`` file; with ``prefix='backbone.'`` the
            tensors of that prefix, whatever else the file holds.

    Raises:
        ValueError: another kind of ``init_cfg``, an unreadable file, that of
            a detector or segmentor, anything that does not fit, or positions
            or norms other than those that the checkpoint's config names.
    """
    allowed = {'type', 'checkpoint', 'prefix', 'map_location'}
    if (
        init_cfg.get('type') not in ('Pretrained', 'mmengine.Pretrained')
        or 'checkpoint' not in init_cfg
        or not allowed.issuperset(init_cfg)
    ):
        raise ValueError(
            f"init_cfg of a backbone must be dict(type='Pretrained', "
            f'checkpoint=...), with prefix if need be, got '
            f'{public_addresses(str(dict(init_cfg)))}'
        )
    path = public_address(str(init_cfg['checkpoint']))
    try:
        content = safe_load(init_cfg['checkpoint'])
        found = backbone_state(content, init_cfg.get('prefix'))
        changes = untraced_changes(content, backbone)
    except ValueError as error:
        if path in str(error):
            raise
        raise ValueError(f'{path}: {error}') from None
    wanted = backbone.state_dict()
    last = f'norm{len(getattr(backbone, "stages", ())) - 1}.'
    # The pretrained final norm is of no use where other stages are asked for.
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
        raise ValueError(
            f'{path} ({found.kind}) does not fit this '
            f'{type(backbone).__name__}: {"; ".join(problems)}'
        )
    resized = _resized(state, wanted)
    backbone.load_state_dict(state, strict=False)
    dropped = {**found.dropped, **_by_part(unused)}
    print_log(
        f'backbone from {path} ({found.kind}): {len(state)} tensors taken, '
        f'{sum(resized.values())} of them resized{_listed(resized)}, '
        f'{sum(dropped.values())} dropped{_listed(dropped)}, '
        f'{len(new)} new{_listed(_by_part(new))}{changes}',
        'current',
    )


def backbone_state(
    checkpoint: Mapping, prefix: str | None = None
) -> BackboneState:
    """Finds the backbone in a checkpoint.

    Args:
        checkpoint: content of a checkpoint file, or a state dict.
        prefix: of the backbone's tensors; None = find out.

    Raises:
        ValueError: no state dict; no tensors of that prefix; unknown keys in
            an official checkpoint; parts that neither pretraining nor
            classification has.
    """
    state = state_dict_of(checkpoint)
    if prefix is not None:
        inner = _inside(state, prefix)
        if not inner:
            raise ValueError(
                f'no key starts with the prefix {prefix}; the file has '
                f'{_some(sorted(_by_part(state)))}'
            )
        dropped = _by_part(k for k in state if not k.startswith(prefix))
        pooled = _POOLED_NORM in state
        return BackboneState(inner, dropped, f'prefix {prefix}', pooled)
    kind = 'a bare backbone'
    dropped = {}
    for name, (recognised, renamed) in _OFFICIAL.items():
        if not recognised(state):
            continue
        kind = name
        state, report = renamed(state)
        if report.unexpected:
            raise ValueError(
                f'an {name} checkpoint with {len(report.unexpected)} unknown '
                f'keys ({_some(report.unexpected)})'
            )
        dropped = dict(Counter(report.dropped.values()))
        break
    parts = _by_part(state)
    if 'backbone' in parts:
        others = {k: n for k, n in parts.items() if k != 'backbone'}
        foreign = sorted(set(others) - set(_OTHER_PARTS))
        if foreign:
            raise ValueError(
                f'a model with {", ".join(foreign)}, neither a pretraining '
                f'nor a classifier: its backbone was trained for that task. '
                f"If you want it all the same, add prefix='backbone.' to "
                f'init_cfg; a whole model is loaded by load_from'
            )
        if kind == 'a bare backbone':
            pretraining = 'neck' in others and _POOLED_NORM not in state
            kind = 'a pretraining' if pretraining else 'a classifier'
        dropped |= others
        return BackboneState(
            _inside(state, 'backbone.'), dropped, kind, _POOLED_NORM in state
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
    """One phrase for each way in which keys or tensors do not fit."""
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
            f'{len(missing)} keys missing ({_some(missing)}; nearest to the '
            f'first in the file: {near})'
        )
    if unexpected:
        near = _nearest(unexpected[0], missing or list(wanted))
        problems.append(
            f'{len(unexpected)} unexpected ({_some(unexpected)}; nearest to '
            f'the first in the network: {near})'
        )
    if misshapen:
        problems.append(
            f'{len(misshapen)} of another shape ({_some(misshapen)})'
        )
    if infinite:
        problems.append(f'{len(infinite)} not finite ({_some(infinite)})')
    return problems


def _fits(key: str, given: Tensor, wanted: Tensor) -> bool:
    if key.endswith(_TABLE) and given.ndim == 2:
        # Rows are resized; one column per head must be there.
        side = round(given.size(0) ** 0.5)
        square = side**2 == given.size(0) and side % 2 == 1
        return square and given.size(1) == wanted.size(1)
    return given.shape == wanted.shape


def _resized(
    state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]
) -> dict[str, int]:
    """Counts tables by the window they have and the one they get."""
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


def _inside(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        key.removeprefix(prefix): value
        for key, value in state.items()
        if key.startswith(prefix)
    }


def _by_part(keys) -> dict[str, int]:
    """Counts keys by what stands before their first dot."""
    return dict(Counter(key.split('.')[0] for key in keys))


def _nearest(key: str, others: list[str], most: int = 5) -> str:
    found = difflib.get_close_matches(key, others, most, cutoff=0.0)
    return ', '.join(found) or 'none'


def _listed(counts: Mapping[str, int]) -> str:
    text = ', '.join(f'{name}: {count}' for name, count in counts.items())
    return text and f' ({text})'


def _some(keys: list[str], most: int = 5) -> str:
    shown = ', '.join(keys[:most]) or 'none'
    return shown + (', ...' if len(keys) > most else '')
