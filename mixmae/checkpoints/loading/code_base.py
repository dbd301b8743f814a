"""Code bases of Swin checkpoints, recognised by their keys."""

from __future__ import annotations

import re
from collections.abc import Iterable

# The first pattern that a key matches decides.
_PATTERNS = {
    'mmpretrain': re.compile(r'layers\.\d+\.blocks\.\d+\.ffn\.'),
    'mmdet': re.compile(r'stages\.\d+\.blocks\.\d+\.attn\.w_msa\.'),
    'timm': re.compile(r'layers\.\d+\.blocks\.\d+\.attn\.qkv\.'),
    'huggingface': re.compile(
        r'encoder\.layers\.\d+\.blocks\.\d+\.attention\.self\.query\.'
    ),
}


def code_base_of(keys: Iterable[str]) -> str | None:
    """Name of the code base for ``convert --from``; ``None`` if unknown."""
    names = list(keys)
    for name, pattern in _PATTERNS.items():
        if any(pattern.search(key) for key in names):
            return name
    return None
