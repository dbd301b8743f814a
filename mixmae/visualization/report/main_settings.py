"""Main settings of a run, from its dumped config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mixmae.checkpoints.loading.recorded_model import parse_config_text

# Arguments of a backbone that tell its size.
NETWORK = ('type', 'arch', 'img_size', 'embed_dims', 'depths', 'depth')


def main_settings(config: str) -> dict[str, str]:
    """Return method, network, data and schedule by name, for a table.

    The text is parsed, not executed. What it does not state is left out.
    """
    try:
        cfg = parse_config_text(config)
    except ValueError:
        return {}
    model = _part(cfg, 'model')
    loader = _part(cfg, 'train_dataloader')
    wrapper = _part(cfg, 'optim_wrapper')
    optimizer = _part(wrapper, 'optimizer')
    train = _part(cfg, 'train_cfg')
    rows = {
        'model': _type(model),
        'method': _method(model),
        'backbone': _values(_part(model, 'backbone'), *NETWORK),
        'data': _data(_part(loader, 'dataset')),
        'batch size': _batch(loader, wrapper),
        'length': _length(train),
        'optimizer': _values(optimizer, 'type', 'lr', 'weight_decay'),
        'precision': _precision(wrapper),
        'seed': str(_part(cfg, 'randomness').get('seed', '')),
        'weights from': _weights(cfg, model),
    }
    return {name: text for name, text in rows.items() if text}


def _part(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = config.get(name)
    return part if isinstance(part, Mapping) else {}


def _type(part: Mapping[str, Any]) -> str:
    return str(part.get('type', '')).split('.')[-1]


def _method(model: Mapping[str, Any]) -> str:
    neck = _type(_part(model, 'neck'))
    masking = _part(_part(model, 'data_preprocessor'), 'masking')
    if not masking:
        return ''
    shown = _values(masking, 'type', 'ratio', 'cell', 'secondary_ratio')
    return f'{neck}; masking: {shown}'


def _data(dataset: Mapping[str, Any]) -> str:
    # Wrappers such as RepeatDataset hold another data set.
    while isinstance(dataset.get('dataset'), Mapping):
        dataset = dataset['dataset']
    return _values(dataset, 'type', 'data_root', 'ann_file', 'split')


def _batch(loader: Mapping[str, Any], wrapper: Mapping[str, Any]) -> str:
    size = loader.get('batch_size')
    if size is None:
        return ''
    times = wrapper.get('accumulative_counts') or 1
    text = f'{size} per process'
    return text if times == 1 else f'{text}, {times} accumulated'


def _length(train: Mapping[str, Any]) -> str:
    for key, unit in (('max_epochs', 'epochs'), ('max_iters', 'iterations')):
        if train.get(key):
            return f'{train[key]} {unit}'
    return ''


def _precision(wrapper: Mapping[str, Any]) -> str:
    mixed = _type(wrapper) in ('AmpOptimWrapper', 'AutocastOptimWrapper')
    dtype = wrapper.get('dtype') or ('mixed' if mixed else 'float32')
    return str(dtype) if wrapper else ''


def _weights(cfg: Mapping[str, Any], model: Mapping[str, Any]) -> str:
    init = _part(_part(model, 'backbone'), 'init_cfg')
    # A resumed run names the checkpoint that it resumes from: see the events.
    start = None if cfg.get('resume') else cfg.get('load_from')
    return str(init.get('checkpoint') or start or '')


def _values(part: Mapping[str, Any], *names: str) -> str:
    """Return ``type`` and some arguments as Python code."""
    first = _type(part) if 'type' in names else ''
    rest = [
        f'{name}={part[name]}'
        for name in names
        if name != 'type' and part.get(name) not in (None, '', [])
    ]
    return ' '.join([first, *rest]).strip()
