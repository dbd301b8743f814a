"""Checks of the keys of a config file, and of values that have choices.

``config_file.apply_options`` compares keys of ``--cfg-options`` before.
"""

from __future__ import annotations

import difflib
import inspect
import logging
import multiprocessing
import re
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

import torch
from mmengine.config import Config
from mmengine.runner import Runner
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

from mixmae.config.config_paths import walk
from mixmae.config.config_variables import settings_named
from mixmae.config.option_values import RUN_KEYS, SHARED_VARIABLES, is_variable
from mixmae.preflight.check import Check, Finding, PlannedRun

# Read by the test tools of mmdet and mmseg.
OTHER_TOOLS = {'tta_model', 'tta_pipeline'}
PARAMWISE = {
    'bias_decay_mult',
    'bias_lr_mult',
    'bypass_duplicate',
    'custom_keys',
    'dcn_offset_lr_mult',
    'dwconv_decay_mult',
    'flat_decay_mult',
    'norm_decay_mult',
}
# Entries that MMEngine looks up by name; it ignores a misspelt one.
LOOKED_UP = {
    'auto_scale_lr': {'base_batch_size', 'enable'},
    'env_cfg': {'cudnn_benchmark', 'dist_cfg', 'mp_cfg', 'resource_limit'},
    'env_cfg.mp_cfg': {'mp_start_method', 'opencv_num_threads'},
    'optim_wrapper.clip_grad': {
        'type',
        *inspect.signature(clip_grad_norm_).parameters,
        *inspect.signature(clip_grad_value_).parameters,
    }
    - {'parameters'},
    'randomness': set(inspect.signature(Runner.set_randomness).parameters),
}
FILE_NAME = re.compile(r'(?m)^(/.*\.(?:py|json|ya?ml))$')
WORD = re.compile(r'\b([A-Za-z_]\w*)\b(?!\s*=(?!=))')
ASSIGNED = re.compile(r'(?m)^([A-Za-z_]\w*)\s*=(?!=)')
ANNOTATED = re.compile(r'(?m)^([A-Za-z_]\w*)\s*:[^=\n]+=(?!=)')
ENTRY = re.compile(r'(?m)(?:^|[{,])\s*"?(\w+)"?\s*:')


class ConfigKeys(Check):
    """Compares the keys of a config with those that are read.

    A misspelt key is an error, and so is a variable that a base has already
    used: the value of the file comes too late. Another variable that the file
    does not use is a warning: own code may read it.
    """

    name = 'config keys'

    def run(self, planned: PlannedRun) -> Finding | None:
        cfg = planned.config
        errors, warnings = [], []
        for key, file, base in unread_variables(cfg):
            near = _misspelt(key, RUN_KEYS)
            if near is not None:
                errors.append(
                    f'{key} of {file} is not used; did you mean {near}?'
                )
                continue
            keys = settings_named(cfg, key)
            if base is not None:
                settings = ', '.join(keys) or 'the settings made of it'
                errors.append(
                    f'{key} of {file} has no effect: its base {base} has '
                    f'already used its own {key}; set {settings} in the file '
                    f'instead, or give {key} by --cfg-options'
                )
                continue
            hint = f'; it does not change {", ".join(keys)}' if keys else ''
            warnings.append(f'{key} of {file} is not used{hint}')
        errors += list(_passed_over(cfg))
        errors += list(_typeless_hooks(cfg))
        errors += list(_incomplete_loops(cfg))
        return Finding(
            f'{len(cfg)} keys', errors=tuple(errors), warnings=tuple(warnings)
        )


def unread_variables(cfg: Config) -> Iterator[tuple[str, str, str | None]]:
    """Yield variables of the config's files that no file uses.

    Yields:
        Name, the file that assigns it last, and the base that has assigned
        and used it before, if there is one.
    """
    texts = _texts(cfg)
    for key in cfg:
        if not is_variable(cfg, key) or key in OTHER_TOOLS:
            continue
        places = [i for i, one in enumerate(texts) if key in one.assigned]
        # Without one it is of a config that imports its bases, or of a dict.
        if not places:
            continue
        # Bases follow the shared variables of a config that inherits them.
        start = places[0 if key in SHARED_VARIABLES else -1]
        if not any(key in one.read for one in texts[start:]):
            used = [texts[i].name for i in places if key in texts[i].read]
            yield key, texts[places[-1]].name, used[-1] if used else None


class _Text:
    """Names in a file of a config."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        if name.endswith('.py'):
            text = ANNOTATED.sub(r'\1 =', re.sub(r'#.*', '', text))
            self.assigned = set(ASSIGNED.findall(text))
            self.read = set(WORD.findall(text))
        else:
            self.assigned = set(ENTRY.findall(text))
            self.read = set(re.findall(r'_base_\.(\w+)', text))


def _texts(cfg: Config) -> list[_Text]:
    """Return the config's files, bases first."""
    parts = FILE_NAME.split(cfg.text or '')[1:]
    return [_Text(*pair) for pair in zip(parts[::2], parts[1::2], strict=True)]


def _misspelt(key: str, known: Iterable[str]) -> str | None:
    """Return the known key that a misspelt key resembles."""
    (near,) = difflib.get_close_matches(key, known, 1, 0.8) or (None,)
    if near is None or key == near:
        return None
    # train_dataloader_2 and my_model are names on purpose.
    if re.fullmatch(rf'(\w+_)?{near}(_\w+|\d+)?', key):
        return None
    return near


def _passed_over(cfg: Config) -> Iterator[str]:
    """Yield lines on entries whose names nothing reads."""
    known = dict(LOOKED_UP)
    wrapper = cfg.get('optim_wrapper')
    if isinstance(wrapper, Mapping):
        constructor = wrapper.get(
            'constructor', 'DefaultOptimWrapperConstructor'
        )
        if constructor == 'DefaultOptimWrapperConstructor':
            known['optim_wrapper.paramwise_cfg'] = PARAMWISE
    parts = dict(walk('', dict(cfg.items())))
    for place, names in known.items():
        part = parts.get(place)
        for key in part if isinstance(part, Mapping) else ():
            if key in names or key == '_scope_':
                continue
            near = difflib.get_close_matches(key, names, 1)
            hint = f'; did you mean {near[0]}?' if near else ''
            yield (
                f'{place}.{key} is not used{hint} (allowed: '
                f'{", ".join(sorted(names))})'
            )


def _typeless_hooks(cfg: Config) -> Iterator[str]:
    hooks = cfg.get('default_hooks')
    if not isinstance(hooks, Mapping):
        return
    complete = [
        name
        for name, hook in hooks.items()
        if isinstance(hook, Mapping) and 'type' in hook
    ]
    for name, hook in hooks.items():
        if isinstance(hook, Mapping) and 'type' not in hook:
            near = difflib.get_close_matches(name, complete, 1)
            hint = f'; did you mean default_hooks.{near[0]}?' if near else ''
            yield f'default_hooks.{name} has no type{hint}'


def _incomplete_loops(cfg: Config) -> Iterator[str]:
    """Lines on splits of which some keys are set and others are not."""
    for split in ('train', 'val', 'test'):
        last = 'optim_wrapper' if split == 'train' else f'{split}_evaluator'
        keys = (f'{split}_dataloader', f'{split}_cfg', last)
        given = {key: cfg[key] is not None for key in keys if key in cfg}
        if len(set(given.values())) > 1:
            missing = ' and '.join(key for key in given if not given[key])
            yield f'{missing} not set: set all of {", ".join(keys)}, or none'


START_METHODS = tuple(multiprocessing.get_all_start_methods())
LEVELS = 'CRITICAL FATAL ERROR WARNING WARN INFO DEBUG NOTSET'
BACKENDS = 'nccl gloo mpi ucc xccl cncl hccl mccl smddp'
COMPILE_MODES = (
    'default reduce-overhead max-autotune max-autotune-no-cudagraphs'
)
SWITCHES = """
    auto_scale_lr.enable env_cfg.cudnn_benchmark find_unused_parameters
    randomness.deterministic randomness.diff_rank_seed *_cfg.by_epoch
    *_cfg.fp16 *_hooks.*.by_epoch *_hooks.*.save_last *_hooks.*.strict
    *_hooks.*.save_optimizer *_hooks.*.save_param_scheduler
    param_scheduler.*by_epoch param_scheduler.*verbose
    *_dataloader.drop_last *_dataloader.persistent_workers
    *_dataloader.pin_memory *_dataloader.sampler.shuffle
    *_dataloader.*test_mode *_dataloader.*lazy_init
    *_dataloader.*serialize_data *_dataloader.*reduce_zero_label
"""
# Allowed values by pattern of the key; ``None`` stands for the default.
CHOICES: dict[str, tuple[Any, ...]] = {
    'log_level': tuple(LEVELS.split()),
    'sync_bn': ('torch', 'mmcv'),
    'compile.mode': tuple(COMPILE_MODES.split()),
    'env_cfg.mp_cfg.mp_start_method': START_METHODS,
    'env_cfg.dist_cfg.backend': tuple(BACKENDS.split()),
    'env_cfg.dist_cfg.init_backend': ('torch', 'deepspeed', 'colossalai'),
    '*_dataloader.multiprocessing_context': START_METHODS,
    '*_evaluator.*collect_device': ('cpu', 'gpu'),
    '*_hooks.*.rule': ('greater', 'less'),
    'param_scheduler.*rule': ('greater', 'less'),
    **dict.fromkeys(SWITCHES.split(), (True, False)),
}


class Choices(Check):
    """Compares values with the few that a key can have."""

    name = 'choices'

    def run(self, planned: PlannedRun) -> Finding | None:
        count, errors = 0, []
        for key, value in walk('', dict(planned.config.items())):
            if value is None or isinstance(value, (Mapping, list, tuple)):
                continue
            for pattern, allowed in CHOICES.items():
                if not fnmatchcase(key, pattern):
                    continue
                count += 1
                if not _is_choice(value, allowed, key):
                    text = ', '.join(map(str, allowed))
                    errors.append(f'{key}={value!r} must be one of {text}')
        errors += _unknown_backend(planned.config)
        return Finding(f'{count} values of a few', errors=tuple(errors))


def _unknown_backend(cfg: Config) -> Iterator[str]:
    """Backend of ``compile``, which PyTorch looks up in the first step."""
    hooks = cfg.get('default_hooks') or {}
    places = {
        'compile': cfg.get('compile'),
        'default_hooks.compile': hooks.get('compile'),
    }
    for key, part in places.items():
        name = part.get('backend') if isinstance(part, Mapping) else None
        if isinstance(name, str):
            # It takes seconds to import.
            known = torch._dynamo.list_backends(None)
            if name not in known:
                text = ', '.join(known)
                yield f'{key}.backend={name!r} must be one of {text}'


def _is_choice(value: Any, allowed: tuple[Any, ...], key: str) -> bool:
    if key == 'log_level' and type(value) is int:
        # Logging has levels between the named ones.
        return 0 <= value <= logging.CRITICAL
    if key.endswith('.backend') and isinstance(value, str):
        # A backend for each device, as in cpu:gloo,cuda:nccl.
        names = [part.split(':')[-1] for part in value.split(',')]
        return set(names) <= set(allowed)
    return any(type(value) is type(one) and value == one for one in allowed)
