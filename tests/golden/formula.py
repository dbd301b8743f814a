"""Formula of the golden figures' weights and inputs."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import numpy as np
import torch

_HERE = Path(__file__).parent


def figures(name: str) -> dict:
    """Read one of the JSON files beside this one."""
    return json.loads((_HERE / f'{name}_figures.json').read_text())


def unit(name: str, count: int) -> np.ndarray:
    """Return ``count`` float64 numbers in [-1, 1) derived from a name."""
    u64 = np.uint64
    with np.errstate(over='ignore'):
        x = u64(zlib.crc32(name.encode())) * u64(0x9E3779B97F4A7C15)
        x = x + np.arange(count, dtype=u64) * u64(0xD1342543DE82EF95)
        z = x + u64(0x9E3779B97F4A7C15)
        z = (z ^ z >> u64(30)) * u64(0xBF58476D1CE4E5B9)
        z = (z ^ z >> u64(27)) * u64(0x94D049BB133111EB)
        z = z ^ z >> u64(31)
    return (z >> u64(11)).astype(np.float64) * 2.0**-52 - 1


def images(name: str, batch: int, size: int) -> torch.Tensor:
    """Return the input of a figure, float64 (batch, 3, size, size)."""
    numbers = 1.5 * unit(name, batch * 3 * size * size)
    return torch.from_numpy(numbers).view(batch, 3, size, size)


def parameter(name: str, shape: list[int], kind: str) -> torch.Tensor:
    """Return the value of an official parameter, float64."""
    value = torch.from_numpy(unit(name, int(np.prod(shape)))).view(shape)
    if kind == 'norm':
        scaled = 0.2 * value
        return 1 + scaled if name.endswith('weight') else scaled
    if name.endswith('bias_table'):
        return value
    if name.endswith('token'):
        return 0.5 * value
    if len(shape) == 1:
        return 0.1 * value
    return 1.7 * value / float(np.prod(shape[1:])) ** 0.5


def weights(parameters: dict) -> dict[str, torch.Tensor]:
    """Return an official state dict, filled by the formula."""
    return {
        name: parameter(name, shape, kind)
        for name, (shape, kind) in parameters.items()
    }
