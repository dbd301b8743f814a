"""Conversion of official UM-MAE checkpoints to mixmae."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from mixmae.checkpoints.conversion.conversion import Conversion, Source
from mixmae.checkpoints.conversion.network import (
    IMAGENET,
    decoder_config,
    wanted_state,
)
from mixmae.checkpoints.conversion.swin_settings import count_numbered
from mixmae.checkpoints.conversion.tensor_layout import identify_positions
from mixmae.checkpoints.io.state_dict import without_prefix
from mixmae.checkpoints.loading.config_allowlist import registered_parts
from mixmae.checkpoints.loading.official_weights import (
    from_official_um_mae,
    is_official_um_mae,
)
from mixmae.registry import MODELS

_NORM_EPS = 1e-6
_SIZE = 256
# By stage; pretraining runs on a grid of half the side.
_WINDOW = {True: 8, False: 16}
_SR_RATIOS = {True: (4, 2, 1, 1), False: (8, 4, 2, 1)}
# Heads of PVT-S by channels; no tensor shows them.
_PVT_HEADS = {(64, 128, 320, 512): (1, 2, 5, 8)}
_TABLES = ('pos_embed', 'decoder_pos_embed')


def from_um_mae(source: Source) -> Conversion:
    """Convert an official UM-MAE with Swin or PVT.

    It may be pretrained or fine-tuned. Settings that tensors do not show are
    those of the source's config, if there is one, or else those of the
    official code: windows and heads, reduction ratios, epsilons, and that the
    decoder gives visible tokens the positions of others
    (``legacy_position_order``).

    Raises:
        ValueError: The file is not such a checkpoint, its frozen positions are
            not sine-cosine tables, or a PVT's heads are unknown.
    """
    if any(key.startswith('backbone.') for key in source.state):
        raise ValueError(
            f'{source.path} already is a mixmae checkpoint (its keys begin '
            'with backbone.); use it without conversion'
        )
    if not is_official_um_mae(source.state):
        raise ValueError(
            f'not an official UM-MAE checkpoint of Swin or PVT: '
            f'{source.path} has no blocks.0.attn.posmlp.0.weight and no '
            f'blocks.0.attn.sr.weight, or no merging in any block'
        )
    state, report = from_official_um_mae(source.state)
    pretraining = 'mask_token' in source.state
    sides = {}
    for name in _TABLES:
        if name in report.dropped:
            found = identify_positions(source.state[name])
            if found.swapped or not found.present:
                raise ValueError(
                    f'{source.path}: {name} is not a table of the official '
                    'code: it is zero, or has y channels before x channels'
                )
            report.dropped[name] += found.near
            sides[name] = found.side
    learned = state.get('backbone.positions.table')
    if learned is not None:
        sides['pos_embed'] = learned.size(0)
    model: dict[str, Any] = {}
    for part in ('backbone', 'neck'):
        # The network is built from these configs, and a checkpoint may name
        # any type.
        model[part] = registered_parts(
            dict(source.model.get(part) or {}), (MODELS,), source.path
        )
    if not model['backbone']:
        model['backbone'] = _backbone(source, state, pretraining, sides)
        report.notes.append(
            f'its {"windows" if _is_swin(state) else "heads and ratios"} are '
            'assumed to be the official ones, which cannot be inferred from '
            'tensors'
        )
    if pretraining:
        model['neck'] = {
            **(model['neck'] or _neck(state)),
            # Set regardless of a config's default: these weights need it.
            'legacy_position_order': True,
        }
        report.notes.append(
            'its decoder was trained with the official order of positions, in '
            'which most visible tokens have the position of another token; '
            'these weights need legacy_position_order=True'
        )
    else:
        norm = state.get('neck.norm.weight')
        if norm is None:
            raise ValueError(
                f'{source.path} has neither a decoder (mask_token) nor a '
                "classifier's norm (fc_norm.weight), so it is neither a "
                'pretraining nor a fine-tuning checkpoint'
            )
        model['neck'] = {
            'type': 'mixmae.NormedPooling',
            'in_channels': norm.numel(),
            'norm_eps': _NORM_EPS,
        }
    model['data_preprocessor'] = dict(IMAGENET)
    report.compare(state, wanted_state(state, model))
    return Conversion(state, report, model, source.path)


def _is_swin(state: Mapping[str, Tensor]) -> bool:
    return any('.position_bias.' in key for key in state)


def _backbone(
    source: Source,
    state: Mapping[str, Tensor],
    pretraining: bool,
    sides: Mapping[str, int],
) -> dict[str, Any]:
    """Return the config of the official backbone with these tensors.

    ``sides`` are those of position grids by official name.
    """
    stages = range(count_numbered(state, 'backbone.stages.'))
    depths = tuple(
        count_numbered(state, f'backbone.stages.{i}.blocks.') for i in stages
    )
    first = [f'backbone.stages.{i}.blocks.0.' for i in stages]
    try:
        patches = state['backbone.patch_embed.proj.weight']
        mlps = [state[f'{name}mlp.fc1.weight'] for name in first]
        config: dict[str, Any] = {
            'img_size': _SIZE,
            'patch_size': patches.size(-1),
            'norm_eps': _NORM_EPS,
            # QUIRK(UM-MAE): blocks have torch's default, all else 1e-6.
            'block_norm_eps': 1e-5,
        }
        if not pretraining:
            config['output_norms'] = False
        if _is_swin(state):
            bias = [
                state[f'{name}attn.position_bias.fc2.weight'] for name in first
            ]
            return {
                'type': 'mixmae.MIMSwin',
                'arch': {
                    'embed_dims': patches.size(0),
                    'depths': depths,
                    'num_heads': tuple(weight.size(0) for weight in bias),
                },
                'window_sizes': (_WINDOW[pretraining],) * len(stages),
                'mlp_ratio': mlps[0].size(0) / mlps[0].size(1),
                'shift': True,
                'absolute_positions': False,
                'position_bias': 'log_coordinates',
                'bias_dims': bias[0].size(1),
                'merging': 'conv',
                **config,
            }
    except KeyError as error:
        raise ValueError(
            f'{source.path}: the backbone is incomplete: {error.args[0]} is '
            'missing'
        ) from None
    dims = tuple(weight.size(1) for weight in mlps)
    if dims not in _PVT_HEADS:
        raise ValueError(
            f'{source.path} is a PVT of {dims} channels, whose number of '
            'heads is unknown and cannot be inferred from tensors; pass the '
            'config of its run with --config CONFIG'
        )
    if 'pos_embed' in sides:
        config['img_size'] = sides['pos_embed'] * config['patch_size']
    if not pretraining:
        config['positions'] = 'learned'
    return {
        'type': 'mixmae.MIMPVT',
        'arch': {
            'embed_dims': dims,
            'depths': depths,
            'num_heads': _PVT_HEADS[dims],
            'mlp_ratios': tuple(w.size(0) // w.size(1) for w in mlps),
        },
        'sr_ratios': _SR_RATIOS[pretraining],
        'reduction': 'pool',
        'patch_norm': False,
        **config,
    }


def _neck(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return the config of the ``UMMAENeck`` with these tensors."""
    neck = without_prefix(state, 'neck.')
    config = decoder_config(neck, num_heads=16, norm_eps=_NORM_EPS)
    dims = config['decoder']['embed_dims']
    secondary = neck.get('secondary_token')
    return {
        'type': 'mixmae.UMMAENeck',
        **config,
        'token_channels': None if secondary is None else secondary.size(-1),
        'factor': round((neck['embed.weight'].size(0) / dims) ** 0.5),
    }
