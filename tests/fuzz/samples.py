"""Small checkpoints of all kinds that tools read."""

from __future__ import annotations

import argparse
import io
import pickle
import random
import struct
from collections import Counter, OrderedDict
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer, MessageHub
from safetensors.torch import save

CONFIG = """default_scope = 'mixmae'
model = dict(
    type='MaskedImageModel',
    backbone=dict(type='MIMSwin', window_sizes=(4, 4), img_size=32),
    data_preprocessor=dict(mean=[1.0, 2.0], std=[3.0, 4.0]))
"""


def state_dict() -> OrderedDict:
    """Return the state of a module with PyTorch's version metadata."""
    torch.manual_seed(0)
    layers = torch.nn.Sequential(
        torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2)
    )
    return OrderedDict(
        (f'backbone.{k}', v) for k, v in layers.state_dict().items()
    )


def message_hub() -> dict:
    """Return MMEngine's message hub; some numbers are NumPy's."""
    hub = MessageHub('samples')
    for step in range(5):
        hub.update_scalar('train/loss', 1 / (step + 1))
    hub.update_info('iter', 5)
    hub.update_info('best', np.float64(0.5))
    hub.update_info('counts', np.arange(3, dtype=np.int32))
    hub.update_info('flags', np.array([True, False]))
    hub._log_scalars['train/none'] = HistoryBuffer()
    return hub.state_dict()


def of_a_run() -> dict[str, Any]:
    """Return a checkpoint as our runs write it."""
    torch.manual_seed(0)
    layer = torch.nn.Linear(3, 4)
    optimizer = torch.optim.AdamW(layer.parameters(), lr=1e-3)
    layer(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [2, 2, 5])
    classes = ('cat', 'dog')
    return {
        'meta': {
            'cfg': CONFIG,
            'epoch': 1,
            'iter': 5,
            'seed': 3,
            'dataset_meta': {'CLASSES': classes, 'palette': [(1, 2, 3)]},
            'experiment_name': 'run',
        },
        'state_dict': state_dict(),
        'message_hub': message_hub(),
        'optimizer': optimizer.state_dict(),
        'param_schedulers': [scheduler.state_dict()],
        'random_state': [
            {
                'torch': torch.Generator().manual_seed(0).get_state(),
                'numpy': np.random.RandomState(0).get_state(),
                'python': random.Random(0).getstate(),
            }
        ],
    }


def of_the_zoo() -> dict[str, Any]:
    """Return a checkpoint as mmdet 2 published them, with a hash."""
    return {
        'meta': {
            'mmdet_version': '2.28',
            'config': CONFIG,
            'CLASSES': ('person', 'car'),
            'PALETTE': None,
            'hook_msgs': {'best_score': np.float32(0.4)},
            'epoch': 12,
        },
        'state_dict': state_dict(),
    }


def official() -> dict[str, Any]:
    """Return a checkpoint of the official MixMIM code."""
    args = argparse.Namespace(lr=0.1, betas=(0.9, 0.95), path='/x', n=None)
    return {
        'model': {'pos_embed': torch.nn.Parameter(torch.ones(1, 4, 3))},
        'epoch': 3,
        'scaler': {'scale': 2.0**16, '_growth_tracker': 5},
        'args': args,
    }


def odd_values() -> dict[str, Any]:
    """Return all other types that are loaded."""
    shared = np.arange(6, dtype='>f4').reshape(2, 3)
    return {
        'array': np.asfortranarray(shared.astype(np.complex64)),
        'shared': [shared, shared],
        'scalar': [np.bool_(True), np.float16(2), np.uint8(7)],
        'nothing': [b'', np.zeros((0, 3)), np.array(4), (), {}, set()],
        'dtype': np.dtype('i2'),
        'containers': {1, 2}, 'counter': Counter('aab'), 3: 4,
        'kinds': [torch.float16, torch.device('cpu'), torch.Size([1, 2])],
        'slice': slice(1, None, 2),
        'number': [2**70, 1.5, 1j, bytearray(b'x'), b'\xff', None, True],
        'tensors': [
            torch.zeros(2, dtype=dtype)
            for dtype in (
                torch.bfloat16, torch.bool, torch.complex64, torch.int8,
            )
        ],
        'view': torch.arange(12.0).view(3, 4).t()[1:],
    }  # fmt: skip


KINDS = {
    'run': of_a_run,
    'zoo': of_the_zoo,
    'official': official,
    'odd values': odd_values,
}


def saved(content: dict, new: bool = True) -> bytes:
    """Serialise with ``torch.save`` of today or before 1.6."""
    file = io.BytesIO()
    if new:
        torch.save(content, file)
        return file.getvalue()
    pickler = _LegacyPickler(file, 2)
    for head in (
        torch.serialization.MAGIC_NUMBER,
        torch.serialization.PROTOCOL_VERSION,
        {'little_endian': True},
    ):
        pickle.dump(head, file, 2)
    pickler.dump(content)
    pickle.dump([str(i) for i in range(len(pickler.storages))], file, 2)
    for data, size in pickler.storages.values():
        file.write(struct.pack('<q', len(data) // size) + data)
    return file.getvalue()


class _LegacyPickler(pickle.Pickler):
    """Pickler with fixed storage keys; PyTorch's uses and sorts addresses."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.storages: dict[int, tuple[bytes, int]] = {}

    def persistent_id(self, value: Any) -> tuple | None:
        if not isinstance(value, torch.storage.TypedStorage):
            return None
        place = value._untyped_storage._cdata
        size = torch._utils._element_size(value.dtype)
        data = bytes(value._untyped_storage.tolist())
        self.storages.setdefault(place, (data, size))
        key = str(list(self.storages).index(place))
        kind = getattr(torch, value._pickle_storage_type())
        return 'storage', kind, key, 'cpu', len(data) // size, None


def safetensors() -> bytes:
    """Return a safetensors file of a backbone."""
    # One entry: those of a header have no order.
    header = {'backbone': '{"type": "MIMSwin"}'}
    return save(dict(state_dict()), header)


def same(one: Any, other: Any) -> bool:
    """Return True if two contents are equal to the bit and in their types."""
    if type(one) is not type(other):
        return False
    if isinstance(one, torch.Tensor):
        return (
            one.dtype == other.dtype
            and one.shape == other.shape
            and one.stride() == other.stride()
            and one.requires_grad == other.requires_grad
            and one.contiguous()
            .view(torch.uint8)
            .equal(other.contiguous().view(torch.uint8))
            if one.ndim and one.numel()
            else one.dtype == other.dtype and one.tolist() == other.tolist()
        )
    if isinstance(one, np.ndarray):
        return (
            one.dtype == other.dtype
            and one.shape == other.shape
            and one.flags.f_contiguous == other.flags.f_contiguous
            and one.flags.writeable
            and one.tobytes() == other.tobytes()
        )
    if isinstance(one, np.generic):
        return one.dtype == other.dtype and one.tobytes() == other.tobytes()
    if isinstance(one, HistoryBuffer):
        names = ('_log_history', '_count_history', 'max_length')
        return all(same(getattr(one, k), getattr(other, k)) for k in names)
    if isinstance(one, argparse.Namespace):
        return same(vars(one), vars(other))
    if isinstance(one, dict):
        notes = [
            vars(x) if hasattr(x, '__dict__') else {} for x in (one, other)
        ]
        return (
            list(one) == list(other)
            and all(same(one[key], other[key]) for key in one)
            and (notes == [{}, {}] or same(*notes))
        )
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)
