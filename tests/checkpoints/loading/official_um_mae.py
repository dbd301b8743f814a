"""State dicts of UM-MAE networks under the official names."""

import re

from torch import Tensor

from mixmae.checkpoints.loading.key_map import KeyReport
from mixmae.checkpoints.loading.official_weights import _key_map

_OUR_BLOCK = re.compile(r'backbone\.stages\.(\d+)\.blocks\.(\d+)\.')


def to_official_um_mae(
    state: dict[str, Tensor],
) -> tuple[dict[str, Tensor], KeyReport]:
    """Undo ``from_official_um_mae``, except for frozen positions."""
    blocks = {
        (int(found[1]), int(found[2]))
        for found in map(_OUR_BLOCK.match, state)
        if found
    }
    renamed, report = _key_map(sorted(blocks), learned=True).to_theirs(state)
    for key, value in renamed.items():
        if '.posmlp.' in key and value.ndim == 2:
            renamed[key] = value[..., None, None]
        elif key == 'pos_embed':
            renamed[key] = value.flatten(0, 1)[None]
    return renamed, report
