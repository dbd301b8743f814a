"""Model card of released weights, as the Hugging Face hub shows it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

# Front matter that the hub reads.
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
