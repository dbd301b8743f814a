"""Losses in a run's logs, and its final state."""

from __future__ import annotations

import json
from pathlib import Path

import torch

# The log's smoothed loss comes from a history that checkpoints carry.
FIELDS = ('loss_now', 'loss', 'lr')


def lines(work_dir: Path, seen: dict[Path, int]) -> list[dict]:
    """Return the new lines of the scalar logs.

    Args:
        work_dir: of the run; each start has a folder of its own in it, unless
            it comes within the same second.
        seen: bytes read of each file; it is brought up to date.
    """
    found = []
    for path in sorted(work_dir.glob('*/vis_data/scalars.json')):
        data = path.read_bytes()
        for line in data[seen.get(path, 0) :].splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                # Killed while writing the line.
                continue
        seen[path] = len(data)
    return [line for line in found if 'loss_now' in line]


def losses(found: list[dict]) -> dict[int, tuple]:
    """Return the values of each step; JSON keeps every bit of a float."""
    return {line['step']: tuple(line[k] for k in FIELDS) for line in found}


def difference(found: dict[int, tuple], wanted: dict[int, tuple]) -> str:
    """Return the first step whose values differ in any bit, or ''."""
    for step in sorted(found):
        if found[step] != wanted.get(step):
            return f'step {step}: {found[step]}, wanted {wanted.get(step)}'
    return ''


def final_state(path: Path) -> dict:
    """Return a checkpoint without times."""
    content = torch.load(path, weights_only=False)
    hub = content.pop('message_hub')
    content['log'] = {
        key: [values.tolist() for values in scalar.data]
        for key, scalar in hub['log_scalars'].items()
        if not any(word in key for word in ('time', 'memory', 'eta'))
    }
    meta = content.pop('meta')
    content['position'] = (meta['epoch'], meta['iter'], meta['seed'])
    return content


def unequal(found: object, wanted: object, name: str = '') -> str:
    """Return the first leaf that differs in any bit, or ''."""
    if type(found) is not type(wanted):
        return f'{name}: {type(found)}, wanted {type(wanted)}'
    if isinstance(found, dict):
        if list(found) != list(wanted):
            return f'{name}: keys {list(found)}, wanted {list(wanted)}'
        pairs = [(key, found[key], wanted[key]) for key in found]
    elif isinstance(found, (list, tuple)):
        if len(found) != len(wanted):
            return f'{name}: length {len(found)}, wanted {len(wanted)}'
        pairs = [(i, *pair) for i, pair in enumerate(zip(found, wanted))]
    elif isinstance(found, torch.Tensor):
        return '' if torch.equal(found, wanted) else name
    else:
        return '' if found == wanted else f'{name}: {found}, not {wanted}'
    for key, ours, theirs in pairs:
        if wrong := unequal(ours, theirs, f'{name}/{key}'):
            return wrong
    return ''
