"""Release of a pretraining: one small file with all that inference needs.

``model_card`` describes it on the Hugging Face hub.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from mixmae.checkpoints.conversion.conversion import Source
from mixmae.checkpoints.io.safe_load import safe_load
from mixmae.checkpoints.io.safetensors_file import write_safetensors
from mixmae.checkpoints.io.state_dict import state_dict_of
from mixmae.checkpoints.loading.recorded_model import (
    model_of_settings,
    parse_config_text,
    pipelines,
)
from mixmae.config.config_paths import type_name
from mixmae.fileio.address import public_address

PARTS = ('backbone.', 'neck.', 'head.')
# Texts of a card, all optional.
CARD = ('title', 'data', 'recipe', 'terms', 'command')


def release(
    checkpoint: str | os.PathLike,
    out: str | os.PathLike,
    card: Mapping[str, Any] | None = None,
) -> None:
    """Write a pretraining as a safetensors file of half precision.

    The file holds backbone, neck and head, and in its header the config of the
    model and its test pipeline, so that it is used like the checkpoint of the
    run: by ``init``, ``mixmae view``, ``reconstruct`` and ``features``.

    Args:
        checkpoint: Checkpoint of a pretraining by mixmae.
        out: File to write, which ends in ``.safetensors``.
        card: Texts of ``CARD``, and ``figures``, a dict of numbers by name.

    Raises:
        ValueError: No such checkpoint, a card with other entries, or weights
            beyond half precision.
    """
    if Path(out).suffix != '.safetensors':
        raise ValueError(f'{out} must end in .safetensors')
    card = dict(card or {})
    _check_card(card)
    content = safe_load(os.fspath(checkpoint))
    shown = public_address(str(checkpoint))
    meta = content.get('meta')
    text = meta.get('cfg') if isinstance(meta, Mapping) else None
    settings = parse_config_text(text) if isinstance(text, str) else {}
    model = model_of_settings(settings)
    if type_name(model) != 'MaskedImageModel':
        raise ValueError(
            f'{shown} is not the checkpoint of a pretraining by mixmae, which '
            'records its config'
        )
    state = {
        key: _halved(key, value)
        for key, value in state_dict_of(content, shown).items()
        if key.startswith(PARTS)
    }
    pipeline = next(pipelines(settings), ())
    config = {
        'default_scope': settings.get('default_scope', 'mixmae'),
        'model': _without_starts(settings['model']),
        'test_dataloader': {'dataset': {'pipeline': list(pipeline)}},
    }
    write_safetensors(
        out,
        state,
        _without_starts(model['backbone']),
        Source(shown, {}, model).preprocessing(),
        f'released from {os.path.basename(shown)}',
        config=config,
        card=card,
    )


def read_card(path: str | os.PathLike) -> dict[str, Any]:
    """Read a card from a JSON file.

    Raises:
        ValueError: It is missing, or no JSON object.
    """
    try:
        card = json.loads(Path(path).read_text('utf-8'))
    except OSError as error:
        raise ValueError(f'{path}: {error.strerror}') from None
    except (ValueError, RecursionError):
        raise ValueError(f'{path} is not a JSON file') from None
    if not isinstance(card, dict):
        raise ValueError(f'{path} must hold a JSON object')
    return card


def _check_card(card: Mapping[str, Any]) -> None:
    """Raise ``ValueError`` for an unknown entry, or one of another type."""
    for name, value in card.items():
        if name in CARD:
            valid, wanted = isinstance(value, str), 'text'
        elif name == 'figures':
            valid = isinstance(value, Mapping) and all(
                isinstance(key, str) and isinstance(number, (int, float))
                for key, number in value.items()
            )
            wanted = 'numbers by name'
        else:
            raise ValueError(
                f'card: {name} is unknown; it may have '
                f'{", ".join(CARD)} and figures'
            )
        if not valid:
            raise ValueError(f'card: {name} must be {wanted}, got {value!r}')


def _halved(key: str, value: Tensor) -> Tensor:
    if not value.is_floating_point():
        return value
    half = value.half()
    if not half.isfinite().all():
        raise ValueError(f'{key} has values that {half.dtype} cannot hold')
    return half


def _without_starts(part: Any) -> Any:
    """Copy a config without the files that its parts started from."""
    if isinstance(part, Mapping):
        return {
            key: _without_starts(value)
            for key, value in part.items()
            if key != 'init_cfg'
        }
    if isinstance(part, (list, tuple)):
        return [_without_starts(one) for one in part]
    return part


# Front matter of a card, which the hub reads.
_FRONT = """\
---
library_name: mixmae
tags:
- self-supervised-learning
- masked-image-modeling
- {method}
---
"""
_USE = """\
## Use

```python
import mixmae

backbone = mixmae.load_backbone({address!r})
maps = backbone((images - backbone.mean) / backbone.std)  # RGB, 0 to 255
```

```shell
mixmae finetune --task classification --data photos/ --init {address} --out RUN
mixmae view {address}
```
"""


def model_card(header: Mapping[str, Any], address: str) -> str:
    """Return the Markdown text of a card.

    Args:
        header: Header of the file, see ``release``.
        address: Name or path that users load the weights by.
    """
    card = header.get('card') or {}
    model = (header.get('config') or {}).get('model') or {}
    neck = str((model.get('neck') or {}).get('type', '')).split('.')[-1]
    method = neck.removesuffix('Neck') or 'backbone'
    lines = [_FRONT.format(method=method.lower())]
    lines += [f'# {_line(card.get("title", address))}', '']
    rows = {
        'Method': method,
        'Data': card.get('data'),
        'Recipe': card.get('recipe'),
        'Command': card.get('command'),
        'Terms': card.get('terms'),
        'Source': header.get('source'),
    }
    lines += [
        f'- {name}: {_line(value)}' for name, value in rows.items() if value
    ]
    figures = card.get('figures') or {}
    if figures:
        lines += ['', '## Figures', '', '| figure | value |', '| --- | --- |']
        lines += [f'| {_line(k)} | {v:g} |' for k, v in figures.items()]
    lines += ['', _USE.format(address=address)]
    parts = {name: header.get(name) for name in ('backbone', 'preprocessing')}
    described = json.dumps(parts, indent=2)
    lines += ['## Network', '', '```json', described, '```', '']
    return '\n'.join(lines)


def _line(text: Any) -> str:
    """Return text as one line that is no HTML and no table cell border."""
    shown = ' '.join(str(text).split())
    return shown.replace('<', '&lt;').replace('|', '\\|')
