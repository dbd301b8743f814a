"""Settings of a pretraining, each with its reason."""

from __future__ import annotations

import os
from typing import NamedTuple

import torch
from mmengine.registry import DefaultScope

from mixmae.checkpoints.conversion.initial_weights import (
    InitialWeights,
    initial_weights,
)
from mixmae.engine.optimizers.autocast_optim_wrapper import (
    DTYPES,
    native_dtype,
)
from mixmae.profiling.run_plan import Network as NetworkSizes
from mixmae.recipes.config_template import Code
from mixmae.recipes.continued_model import FILE, ContinuedModel
from mixmae.recipes.image_sources import ImageSources
from mixmae.recipes.machine import Machine
from mixmae.recipes.methods import Method, ModelParts
from mixmae.recipes.model_of_config import GivenModel
from mixmae.recipes.networks import LEAST_CELLS, Network, patch_size
from mixmae.recipes.pretraining_options import PretrainingOptions
from mixmae.recipes.setting import Setting
from mixmae.recipes.training_length import (
    epochs_of,
    learning_rate,
    share_out,
)
from mixmae.registry import MODELS

TRAIN_LIST, VAL_LIST = 'data/train.txt', 'data/val.txt'
SMALLEST = 32
# Validations and checkpoints of a run, about.
INTERVALS = 20
MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]


class PretrainingCall(NamedTuple):
    """What a recipe starts from."""

    options: PretrainingOptions
    machine: Machine
    method: Method
    network: Network
    given: GivenModel | None
    images: ImageSources
    start: ContinuedModel | None = None

    def patch(self, image_size: int) -> int:
        """Return the side of a patch: that of the weights, or derived."""
        if self.start:
            return self.start.patch
        return patch_size(self.network, image_size)


def image_size(call: PretrainingCall) -> Setting:
    """Return the side of the images, which network and method must divide."""
    asked = call.options.given('image_size')
    if call.given:
        if asked not in (None, call.given.image_size):
            raise ValueError(
                f'image_size={asked}, but the model of {call.options.model} '
                f'is for {call.given.image_size}'
            )
        return Setting('img_size', call.given.image_size, 'of the config')
    if asked is not None:
        unit = call.method.unit(call.network, call.patch(asked))
        least = max(SMALLEST, 2 * unit if call.start else unit)
        if asked % unit or asked < least:
            below = max(least, asked // unit * unit)
            raise ValueError(
                f'image_size={asked} must be a multiple of {unit} for '
                f'{call.network.name} and {call.method.name}, {least} or '
                f'more: {below} or {below + unit}'
            )
        return Setting('img_size', asked, 'as given')
    short, usual = call.images.short_side(), call.method.image_size
    if short >= usual:
        return Setting(
            'img_size', usual, f'the paper; short sides here: {short} (median)'
        )
    side = max(short, SMALLEST)
    unit = call.method.unit(call.network, call.patch(side))
    least = LEAST_CELLS * unit if call.start else SMALLEST
    side = max(least, side // unit * unit)
    return Setting(
        'img_size',
        side,
        f'short sides are {short} (median); a multiple of {unit}',
    )


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
    shown = masking.get('ratio')
    ratio = 'three of four' if shown is None else f'{shown:.0%}'
    rows = [
        Setting(
            'cells',
            f'{size // cell} x {size // cell}',
            f'of {cell} pixels, {ratio} hidden; patches of '
            f'{network.get("patch_size", 4)} pixels',
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


def image_settings(
    call: PretrainingCall,
    train: ImageSources,
    val: ImageSources,
    size: Setting,
) -> list[Setting]:
    named = '{{ fileDirname }}'
    low, high = call.method.crop_ratio_range
    own_val = call.options.val_data is not None
    return [
        Setting('train_data', train.data_sets(f'{named}/{TRAIN_LIST}', False)),
        Setting('val_data', val.data_sets(f'{named}/{VAL_LIST}', not own_val)),
        size,
        Setting(
            'crop_ratio_range',
            call.method.crop_ratio_range,
            f'crops of {low:.0%} to {high:.0%} of the area: the paper',
        ),
        *_values(call),
    ]


def _values(call: PretrainingCall) -> list[Setting]:
    """Return value range, mean and std of the images."""
    channels = call.options.in_channels
    sample = call.images.values(_channels(call))
    count = sum(sample.kinds.values())
    value_range, why = call.options.given('value_range'), 'as given'
    start = call.start.found if call.start else None
    if value_range is None and sample.wide and start and start.value_range:
        value_range, why = start.value_range, 'of the weights'
    elif value_range is None and sample.wide:
        value_range = sample.percentiles()
        why = f'0.1 and 99.9 % of the values of {count} images'
    elif value_range is not None and not sample.wide:
        raise ValueError(
            f'value_range={value_range} has no effect: {count} images that '
            f'were read are of 8 bits'
        )
    settings = []
    if value_range is not None:
        settings.append(Setting('value_range', (*value_range,), why))
    if call.given:
        known = call.given.images.items()
        return settings + [Setting(name, value) for name, value in known]
    if start and (start.value_range is None) == (value_range is None):
        return [
            *settings,
            Setting('mean', start.mean, 'of the weights'),
            Setting('std', start.std),
            Setting('to_rgb', start.to_rgb),
        ]
    if channels == 3 and value_range is None:
        return [Setting('mean', MEAN), Setting('std', STD)]
    found = sample.values(value_range)
    return [
        *settings,
        Setting('mean', found.mean, f'of {count} images, 0 to 255'),
        Setting('std', found.std),
    ]


def _channels(call: PretrainingCall) -> int:
    """Return the channels of the network."""
    asked = call.options.in_channels
    if call.given is None:
        return asked
    own = call.given.parts.network.get('in_channels', 3)
    if asked not in (3, own):
        raise ValueError(
            f'in_channels={asked}, but the model of {call.options.model} '
            f'reads {own}'
        )
    return own


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
) -> NetworkSizes:
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
    with (
        DefaultScope.overwrite_default_scope('mixmae'),
        torch.device('meta'),
    ):
        built = MODELS.build(model)
    device = call.machine.device
    return NetworkSizes.of(
        built, (channels, size, size), device, run_dtype(call.options, device)
    )


def run_dtype(options: PretrainingOptions, device: str) -> torch.dtype:
    """Return the type that products are computed in."""
    native = native_dtype(torch.device(device))
    return DTYPES.get(options.precision, native)


def run_settings(
    call: PretrainingCall, images: int, sizes: NetworkSizes
) -> list[Setting]:
    options, method, machine = call.options, call.method, call.machine
    fitting = sizes.largest_batch(machine.memory, 'AdamW', machine.held, 1)
    shared = share_out(
        images, method, machine, fitting, options.given('batch_size')
    )
    if shared.batch > fitting:
        call.images.notes.append(
            f'batch_size={shared.batch} may need more memory than the '
            f'{machine.memory / 1e9:.0f} GB that are free: {fitting} fit'
        )
    rate, why = learning_rate(method, call.network, shared.update)
    if options.given('lr') is not None:
        rate, why = float(options.lr), 'as given'
    epochs, why_epochs = epochs_of(images, method)
    if options.given('epochs') is not None:
        epochs, why_epochs = int(options.epochs), 'as given'
    dtype = run_dtype(options, machine.device)
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
            f'max_epochs / {method.warmup}, as in the paper',
        ),
        Setting('lr', rate, why),
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
