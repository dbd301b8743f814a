"""Model and run settings of a pretraining, each with its reason."""

from __future__ import annotations

import os

from mixmae.checkpoints.conversion.initial_weights import (
    InitialWeights,
    initial_weights,
)
from mixmae.profiling.memory import PlannedNetwork
from mixmae.recipes.config_template import Code
from mixmae.recipes.initial_network import FILE
from mixmae.recipes.methods import ModelParts
from mixmae.recipes.networks import built_without_weights
from mixmae.recipes.pretraining_options import PretrainingCall
from mixmae.recipes.schedule import (
    epochs_of,
    pretraining_rate,
    update_batches,
)
from mixmae.recipes.setting import Setting

# Validations and checkpoints of a run, about.
INTERVALS = 20


def model_parts(
    call: PretrainingCall, size: int
) -> tuple[ModelParts, InitialWeights | None]:
    """Return the parts of the model, and the weights that it starts from."""
    if call.start:
        weights, parts = call.start.parts(call.method, size)
        return parts, weights
    if call.given is None:
        patch = call.patch(size)
        parts = call.method.build(call.network, size, patch)
        if call.options.in_channels != 3:
            parts.network['in_channels'] = call.options.in_channels
        return parts, None
    network = dict(call.given.parts.network)
    if 'img_size' in network:
        network['img_size'] = Code('img_size')
    parts = call.given.parts._replace(network=network)
    if call.options.init is None:
        return parts, None
    weights = initial_weights(call.options.init, network.get('in_channels', 3))
    return parts, weights.without_neck('decoder: the config states its own')


def structure(
    call: PretrainingCall,
    parts: ModelParts,
    weights: InitialWeights | None,
    size: int,
) -> list[Setting]:
    """Return rows of the table that describe the model."""
    network, masking = parts.network, parts.masking
    cell = masking['cell']
    patch = network.get('patch_size', 4)
    shown = masking.get('ratio')
    ratio = 'three of four' if shown is None else f'{shown:.0%}'
    rows = [
        Setting(
            'cells',
            f'{size // cell} x {size // cell}',
            f'of {cell} pixels, {ratio} hidden; patches of {patch} pixel'
            + 's' * (patch != 1),
        )
    ]
    windows = network.get('window_sizes') or network.get('window_size')
    if windows:
        rows.append(
            Setting(
                'windows',
                windows,
                'tokens; of the weights'
                if call.start
                else 'tokens; they divide the grid',
            )
        )
    decoder = parts.neck.get('decoder')
    if decoder:
        rows.append(
            Setting(
                'decoder',
                f'{decoder["depth"]} blocks of {decoder["embed_dims"]}',
                'small, as the network'
                if call.network.is_small
                else 'the paper',
            )
        )
    if weights is not None:
        name = os.path.basename(weights.path)
        rows.append(Setting('init', name, weights.line()))
    return rows


def model_settings(
    parts: ModelParts, weights: InitialWeights | None
) -> list[Setting]:
    if weights is not None and 'neck' in weights.model:
        # Loaded from the same file.
        neck = {**parts.neck, 'init_cfg': Code('init_cfg')}
        parts = parts._replace(neck=neck)
    settings = [
        Setting(name, value)
        for name, value in zip(parts._fields, parts, strict=True)
    ]
    if weights is not None:
        path = f'{{{{ fileDirname }}}}/{FILE}'
        if weights.is_local:
            path = os.path.abspath(os.path.expanduser(weights.path))
        start = {'type': 'Pretrained', 'checkpoint': path}
        settings.append(Setting('init_cfg', start))
    return settings


def network_sizes(
    call: PretrainingCall, parts: ModelParts, size: int
) -> PlannedNetwork:
    """Count parameters, operations and activations of the model."""
    network = {
        key: size if isinstance(value, Code) else value
        for key, value in parts.network.items()
    }
    # Of as many channels as the network reads; the values do not matter.
    channels = network.get('in_channels', 3)
    model = {
        'type': 'MaskedImageModel',
        'data_preprocessor': {
            'type': 'MaskingDataPreprocessor',
            'mean': [0.0] * channels,
            'std': [1.0] * channels,
            'masking': parts.masking,
        },
        'backbone': network,
        'neck': parts.neck,
        'head': parts.head,
    }
    built = built_without_weights(model)
    machine = call.machine
    dtype = machine.dtype(call.options.precision)
    return PlannedNetwork.of(
        built, (channels, size, size), machine.device, dtype
    )


def run_settings(
    call: PretrainingCall, images: int, sizes: PlannedNetwork
) -> list[Setting]:
    options, method, machine = call.options, call.method, call.machine
    fitting = sizes.largest_batch(machine.memory, 'AdamW', machine.held, 1)
    shared = update_batches(
        images, method, machine, fitting, options.given('batch_size')
    )
    if shared.batch > fitting:
        call.images.notes.append(
            f'batch_size={shared.batch} may need more memory than the '
            f'{machine.memory / 1e9:.0f} GB that are free: {fitting} fit'
        )
    rate, why = pretraining_rate(method, call.network, shared.update)
    if options.given('lr') is not None:
        rate, why = float(options.lr), 'as given'
    epochs, why_epochs = epochs_of(images, method)
    if options.given('epochs') is not None:
        epochs, why_epochs = int(options.epochs), 'as given'
    dtype = machine.dtype(options.precision)
    iterations = images // (shared.batch * machine.count)
    clip = method.max_norm
    warmup = f'max_epochs / {method.warmup}'
    return [
        Setting('batch_size', shared.batch, shared.reason),
        Setting(
            'accumulative_counts',
            shared.accumulation,
            f'{shared.update:,} images an update, on all devices'
            if shared.update > shared.batch
            else '',
        ),
        Setting('num_workers', machine.workers),
        Setting('max_epochs', epochs, why_epochs),
        Setting(
            'warmup_epochs',
            # Of a short run one epoch, or half of the run.
            Code(f'max({warmup}, min(1, max_epochs / 2))'),
            f'max_epochs / {method.warmup} as in the paper, but at least 1 '
            f'or half of the run',
        ),
        Setting('lr', rate, why),
        Setting('lr_batch_size', shared.batch * machine.count),
        Setting('betas', method.betas),
        Setting('clip_grad', clip and {'max_norm': clip}),
        Setting(
            'precision',
            options.precision,
            f'{str(dtype).removeprefix("torch.")} on this device',
        ),
        Setting('interval', max(1, round(epochs / INTERVALS))),
        Setting('log_interval', max(1, min(50, iterations))),
        Setting('seed', options.seed),
    ]
