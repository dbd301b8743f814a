"""Conversion of SimMIM pretraining models with a Swin to mixmae.

The official code, mmpretrain and Hugging Face's transformers have the same
parts under different names: a Swin, a mask token and one layer that predicts
pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from torch import Tensor

from mixmae.checkpoints.conversion.conversion import Conversion, Source
from mixmae.checkpoints.conversion.network import IMAGENET, wanted_state


class _Layout(NamedTuple):
    """Names of a code base: the token, the decoder, the encoder's prefix."""

    token: str
    decoder: str
    prefix: str


_LAYOUTS = (
    _Layout('encoder.mask_token', 'decoder.0.', 'encoder.'),
    _Layout('backbone.mask_token', 'neck.decoder.0.', ''),
    _Layout('swin.embeddings.mask_token', 'decoder.0.', ''),
)


def is_simmim(state: Mapping[str, Tensor]) -> bool:
    """Return True if keys look like a SimMIM pretraining model with a Swin."""
    return _layout(state) is not None


def from_simmim(
    source: Source, convert: Callable[[Source], Conversion]
) -> Conversion:
    """Convert a SimMIM pretraining model.

    Args:
        source: The checkpoint.
        convert: Converter of its encoder.

    Raises:
        ValueError: The file is not such a model.
    """
    layout = _layout(source.state)
    if layout is None:
        raise ValueError(
            f'not a SimMIM checkpoint: {source.path} has no mask token and '
            f'decoder'
        )
    own = {layout.token} | {
        layout.decoder + name for name in ('weight', 'bias')
    }
    encoder = {
        key.removeprefix(layout.prefix): value
        for key, value in source.state.items()
        if key not in own
    }
    model = {k: v for k, v in source.model.items() if k != 'neck'}
    done = convert(Source(source.path, encoder, model))
    report, state = done.report, dict(done.state)
    # Keys of the file, for the report.
    names = {key.removeprefix(layout.prefix): key for key in source.state}
    report.renamed = {names[a]: b for a, b in report.renamed.items()}
    report.dropped = {names[a]: b for a, b in report.dropped.items()}
    weight = source.state[layout.decoder + 'weight'].flatten(1)
    bias = source.state[layout.decoder + 'bias']
    channels = done.model['backbone'].get('in_channels', 3)
    stride = round((len(bias) / channels) ** 0.5)
    state |= {
        'neck.mask_token': source.state[layout.token].flatten(),
        'neck.predict.weight': _channels_last(weight, channels, stride),
        'neck.predict.bias': _channels_last(bias, channels, stride),
    }
    report.renamed |= {
        layout.token: 'neck.mask_token',
        layout.decoder + 'weight': 'neck.predict.weight',
        layout.decoder + 'bias': 'neck.predict.bias',
    }
    neck = {
        'type': 'mixmae.SimMIMNeck',
        'in_channels': weight.size(1),
        'token_channels': state['neck.mask_token'].numel(),
        'cell': stride,
        'stride': stride,
    }
    if channels != 3:
        neck['image_channels'] = channels
    parts = {'data_preprocessor': dict(IMAGENET), **done.model, 'neck': neck}
    # The whole model is compared; what the encoder's rules do not know stays.
    unknown = [names[key] for key in report.unexpected if key in encoder]
    report.missing, report.unexpected = [], unknown
    report.compare(state, wanted_state(state, parts))
    return Conversion(state, report, parts, source.path)


def _layout(state: Mapping[str, Tensor]) -> _Layout | None:
    for layout in _LAYOUTS:
        ends = (layout.decoder + 'weight', layout.decoder + 'bias')
        if layout.token in state and all(key in state for key in ends):
            return layout
    return None


def _channels_last(x: Tensor, channels: int, side: int) -> Tensor:
    """Reorder pixels from (K, side, side), of a pixel shuffle, to ours."""
    x = x.unflatten(0, (channels, side, side))
    return x.movedim(0, 2).flatten(0, 2)
