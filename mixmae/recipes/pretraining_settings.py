"""Settings of the images, the model and the run of a pretraining."""

from __future__ import annotations

import os

from mixmae.checkpoints.conversion.initial_weights import (
    InitialWeights,
    initial_weights,
)
from mixmae.models.data_preprocessor import IMAGENET_MEAN, IMAGENET_STD
from mixmae.profiling.memory import PlannedNetwork
from mixmae.recipes.config_template import Code, Setting
from mixmae.recipes.fine_tuning_settings import derived
from mixmae.recipes.image_sources import ImageSources
from mixmae.recipes.image_statistics import value_range_setting
from mixmae.recipes.initial_network import FILE
from mixmae.recipes.methods import ModelParts
from mixmae.recipes.networks import LEAST_CELLS, built_without_weights
from mixmae.recipes.pretraining_options import PretrainingCall
from mixmae.recipes.schedule import (
    pretraining_batches,
    pretraining_epochs,
    pretraining_rate,
    pretraining_warmup,
)

TRAIN_LIST, VAL_LIST = 'data/train.txt', 'data/val.txt'
SMALLEST = 32
# Validations and checkpoints of a run, about.
INTERVALS = 20


def image_size_setting(call: PretrainingCall) -> Setting:
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


def image_settings(
    call: PretrainingCall,
    train: ImageSources,
    val: ImageSources,
    size: Setting,
    root: str,
) -> list[Setting]:
    named = '{{ fileDirname }}'
    low, high = call.method.crop_ratio_range
    own_val = call.options.val_data is not None
    return [
        Setting(
            'train_data',
            train.data_sets(f'{named}/{TRAIN_LIST}', False, root),
        ),
        Setting(
            'val_data',
            val.data_sets(f'{named}/{VAL_LIST}', not own_val, root),
        ),
        size,
        Setting(
            'crop_ratio_range',
            call.method.crop_ratio_range,
            f'crops of {low:.0%} to {high:.0%} of the area: the paper',
        ),
        *image_value_settings(call),
    ]


def image_value_settings(call: PretrainingCall) -> list[Setting]:
    """Return value range, mean and std of the images.

    They are those of a given model, else of the weights, else of ImageNet for
    three channels of 8 bits, else measured on a sample.
    """
    channels = call.options.in_channels
    sample = call.images.values(_channels(call))
    count = sum(sample.kinds.values())
    if channels == 3 and count and sample.grey == count:
        call.images.notes.append(
            'the images are grey; in_channels=3 reads them as RGB, '
            'in_channels=1 (--in-channels 1) as one channel'
        )
    unread = sample.unread.total()
    if unread:
        call.images.notes.append(
            f'{unread} of {unread + count} images that were read cannot be '
            f'used ({sample.fault}); a run replaces a few, and stops at more: '
            f'mixmae check-data lists them'
        )
    start = call.start.found if call.start else None
    found = value_range_setting(
        sample,
        call.options.given('value_range'),
        start.value_range if start else None,
    )
    settings = [found] if found else []
    value_range = found.value if found else None
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
        return [
            Setting('mean', [*IMAGENET_MEAN], 'of ImageNet'),
            Setting('std', [*IMAGENET_STD]),
        ]
    measured = sample.values(value_range)
    return [
        *settings,
        Setting('mean', measured.mean, f'of {count} images, 0 to 255'),
        Setting('std', measured.std),
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
    shared = pretraining_batches(
        images, method, machine, fitting, options.given('batch_size')
    )
    if shared.batch > fitting:
        call.images.notes.append(
            f'batch_size={shared.batch} may need more memory than the '
            f'{machine.memory / 1e9:.0f} GB that are free: {fitting} fit'
        )
    rate, why = derived(
        options.given('lr'),
        *pretraining_rate(method, call.network, shared.update),
    )
    epochs, why_epochs = derived(
        options.given('epochs'), *pretraining_epochs(images, method)
    )
    dtype = machine.dtype(options.precision)
    iterations = images // (shared.batch * machine.count)
    clip = method.max_norm
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
        pretraining_warmup(method),
        Setting('lr', float(rate), why),
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
