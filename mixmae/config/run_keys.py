"""Keys of a config: those that runners read, and variables of its files."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from mmengine.runner import FlexibleRunner, Runner

# Keys that runners and tools read in addition to the runners' arguments.
EXTRA_KEYS = {
    'activation_checkpointing',
    'compile',
    'custom_imports',
    'efficient_conv_bn_eval',
    'find_unused_parameters',
    'init_weights_for_test_or_val',
    'model_wrapper_cfg',
    'runner_type',
    'strategy',
    'sync_bn',
}
RUN_KEYS = frozenset(
    {
        *inspect.signature(Runner).parameters,
        *inspect.signature(FlexibleRunner).parameters,
        *EXTRA_KEYS,
    }
) - {'cfg'}
VALIDATION = frozenset({'val_cfg', 'val_dataloader', 'val_evaluator'})
# Keys that a training or a test does not read.
UNREAD: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        'training': frozenset({
            'test_cfg', 'test_dataloader', 'test_evaluator', 'tta_model',
            'tta_pipeline',
        }),
        'test': VALIDATION | {
            'auto_scale_lr', 'load_from', 'optim_wrapper', 'param_scheduler',
            'resume', 'train_cfg', 'train_dataloader',
        },
    }
)  # fmt: skip


# Variables that the configs have in common. The value of the outermost file
# holds for its bases, too.
SHARED_VARIABLES = (
    'batch_size',
    'data_root',
    'img_size',
    'in_channels',
    'max_epochs',
    'max_iters',
    'num_classes',
    'value_range',
    'warmup_epochs',
    'warmup_iters',
)


def is_variable(cfg: Mapping[str, Any], key: str) -> bool:
    """Whether a top-level key is a variable that no runner reads."""
    if key == 'data_preprocessor':
        # The one within the model wins.
        return 'data_preprocessor' in (cfg.get('model') or {})
    return key not in RUN_KEYS
