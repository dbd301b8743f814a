"""Random input of tools.

``MIXMAE_FUZZ_EXAMPLES=500 pytest tests/tools/bad_input`` tries more than a
test suite can.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

EXAMPLES = int(os.environ.get('MIXMAE_FUZZ_EXAMPLES', '12'))
fuzz = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
JUNK = (
    *('', ' ', 'None', 'True', '-1', '0', '3', '2.5', 'nan', '[]', '[1', '{}'),
    *(
        '()',
        '(1,2)',
        'abc',
        "dict(type='X')",
        'type',
        'a.b',
        'größe',
        '"',
        '=',
    ),
    *('[None]', '[[]]', "{'type':3}", '--', '-', '.', '/', '%s', '{', '\\'),
)
junk = st.sampled_from(JUNK) | st.text(max_size=6).filter(
    lambda text: '\0' not in text and not text.isdecimal()
)
# Values in a checkpoint or a JSON file.
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 99) | st.text(max_size=3)
    | st.floats(width=16),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)  # fmt: skip


def keys_below(key: str, part: Any) -> Iterator[str]:
    """Return the dotted names of all settings."""
    items: Any = ()
    if isinstance(part, dict):
        items = part.items()
    elif isinstance(part, (list, tuple)):
        items = enumerate(part)
    for name, value in items:
        yield f'{key}{name}'
        yield from keys_below(f'{key}{name}.', value)
