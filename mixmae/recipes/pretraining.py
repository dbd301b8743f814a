"""From images, a network and a method to the config of a pretraining."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from mmengine.registry import DefaultScope

from mixmae.config.config_variables import read_with_bases
from mixmae.engine.optimizers.autocast_optim_wrapper import (
    DTYPES,
    native_dtype,
)
from mixmae.fileio.atomic_write import atomic_write
from mixmae.profiling.run_plan import Network as NetworkSizes
from mixmae.recipes.config_overrides import overridden
from mixmae.recipes.config_template import Code, filled, template_text
from mixmae.recipes.image_sources import ImageSources, read_sources
from mixmae.recipes.machine import Machine
from mixmae.recipes.methods import Method, ModelParts, named_method
from mixmae.recipes.model_of_config import GivenModel, model_of_config
from mixmae.recipes.networks import Network, named_network, patch_size
from mixmae.recipes.pretraining_options import ARGUMENTS, PretrainingOptions
from mixmae.recipes.run_cost import RunCost
from mixmae.recipes.setting import Setting
from mixmae.recipes.training_length import (
    epochs_of,
    learning_rate,
    share_out,
)
from mixmae.registry import MODELS

TEMPLATE = 'mixmae/own-images.py'
CONFIG = 'config.py'
TRAIN_LIST, VAL_LIST = 'data/train.txt', 'data/val.txt'
HEADER = """\
Written by `mixmae pretrain`: an ordinary config of MMEngine. Run it by
mixmae train CONFIG, or by tools/train.py CONFIG of a checkout."""
# Held out for validation: a share, and no more than a number.
HELD_OUT, MOST_HELD_OUT = 0.05, 1000
SMALLEST = 32
# Validations and checkpoints of a run, about.
INTERVALS = 20
MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]


@dataclass(frozen=True)
class PretrainingPlan:
    """A pretraining before it runs.

    Attributes:
        rows: The table: what was derived or given, and why.
        notes: What was left out of the images, a line each.
        text: The config.
        train, val: Images.
        root: Folder above all files.
        machine: Devices of the run.
        dtype: Type that products are computed in.
        cost: Resources that it needs.
    """

    rows: list[Setting]
    notes: list[str]
    text: str
    train: ImageSources
    val: ImageSources
    root: str
    machine: Machine
    dtype: torch.dtype
    cost: RunCost

    def write(self, out: Path) -> Path:
        """Write the config and the lists of images; return the config."""
        (out / TRAIN_LIST).parent.mkdir(parents=True, exist_ok=True)
        for images, name in ((self.train, TRAIN_LIST), (self.val, VAL_LIST)):
            if images.files:
                images.write_list(out / name, self.root)
        path = out / CONFIG
        with atomic_write(path) as partial:
            partial.write_text(self.text, encoding='utf-8')
        return path


class _Call(NamedTuple):
    """What a recipe starts from."""

    options: PretrainingOptions
    machine: Machine
    method: Method
    network: Network
    given: GivenModel | None
    images: ImageSources


def plan_pretraining(options: PretrainingOptions) -> PretrainingPlan:
    """Derive all settings of a pretraining.

    Raises:
        ValueError: An argument is out of range, or images, network and
            machine do not go together; one line.
        ConfigError: An override names no setting, or has no effect.
    """
    call = _read_call(options)
    train, val, held_out = _split(call)
    root = ImageSources(train.files + val.files).root()
    size = _image_size(call)
    parts, structure = _model(call, size.value)
    settings = [
        Setting('data_root', root),
        *_image_settings(call, train, val, size),
        *_model_settings(call, parts),
    ]
    sizes = _network_sizes(call, parts, size.value)
    settings += _run_settings(call, train.count, sizes)
    text, settings = _config_text(settings, options)
    values = {one.name: one.value for one in settings}
    batch, counts = values['batch_size'], values['accumulative_counts']
    update = batch * counts * call.machine.count
    epochs = values['max_epochs']
    warmup = max(epochs / call.method.warmup, min(1, epochs / 2))
    cost = RunCost(
        sizes.flops,
        train.count // update * update * epochs,
        sizes.needs(batch, process=call.machine.held).total,
        sizes.checkpoint(),
    )
    rows = [
        Setting('images', call.images.count, call.images.describe()),
        Setting('validation', val.count, held_out),
        Setting(
            'model',
            options.model,
            f'{sizes.parameters / 1e6:.1f} M parameters with its decoder; '
            f'{call.method.name}',
        ),
        Setting('devices', call.machine.count, call.machine.name),
        *structure,
        *(
            one._replace(value=round(warmup, 2))
            if one.name == 'warmup_epochs'
            else one
            for one in settings
        ),
    ]
    return PretrainingPlan(
        rows,
        call.images.notes,
        text,
        train,
        val,
        root,
        call.machine,
        run_dtype(options, call.machine.device),
        cost,
    )


def _read_call(options: PretrainingOptions) -> _Call:
    given = None
    if str(options.model).endswith('.py'):
        given = model_of_config(options.model)
    method = named_method(
        options.method or (given.method if given else 'mixmae')
    )
    if given and given.method != method.name:
        raise ValueError(
            f'method={method.name}, but the model of {options.model} is of '
            f'{given.method}'
        )
    network = given.network if given else named_network(str(options.model))
    # Before the images are listed, which may take a while.
    machine = Machine.find(options.devices)
    return _Call(
        options, machine, method, network, given, read_sources(options.data)
    )


def _split(call: _Call) -> tuple[ImageSources, ImageSources, str]:
    """Return images to train on, those of validation, and how they differ."""
    if call.options.val_data is not None:
        val = read_sources(call.options.val_data, 'val_data')
        call.images.notes.extend(val.notes)
        return call.images, val, f'as given: {val.describe()}'
    train, val = call.images.split(HELD_OUT, MOST_HELD_OUT, call.options.seed)
    how = 'drawn at random' if val.files else 'the last of each shard folder'
    share = val.count / call.images.count
    return train, val, f'{share:.1%} held out of training, {how}'


def _image_size(call: _Call) -> Setting:
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
        unit = call.method.unit(call.network, patch_size(call.network, asked))
        if asked % unit or asked < SMALLEST:
            below = max(SMALLEST, asked // unit * unit)
            raise ValueError(
                f'image_size={asked} must be a multiple of {unit} for '
                f'{call.network.name} and {call.method.name}, {SMALLEST} or '
                f'more: {below} or {below + unit}'
            )
        return Setting('img_size', asked, 'as given')
    short, usual = call.images.short_side(), call.method.image_size
    if short >= usual:
        return Setting(
            'img_size', usual, f'the paper; short sides here: {short} (median)'
        )
    side = max(short, SMALLEST)
    unit = call.method.unit(call.network, patch_size(call.network, side))
    side = max(SMALLEST, side // unit * unit)
    return Setting(
        'img_size',
        side,
        f'short sides are {short} (median); a multiple of {unit}',
    )


def _model(call: _Call, size: int) -> tuple[ModelParts, list[Setting]]:
    """Return the parts of the model, and rows that describe them."""
    if call.given:
        network = dict(call.given.parts.network)
        if 'img_size' in network:
            network['img_size'] = Code('img_size')
        parts = call.given.parts._replace(network=network)
    else:
        patch = patch_size(call.network, size)
        parts = call.method.build(call.network, size, patch)
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
            Setting('windows', windows, 'tokens; they divide the grid')
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
    return parts, rows


def _image_settings(
    call: _Call, train: ImageSources, val: ImageSources, size: Setting
) -> list[Setting]:
    named = '{{ fileDirname }}'
    normalisation: dict[str, Any] = {'mean': MEAN, 'std': STD, 'to_rgb': True}
    if call.given:
        normalisation = call.given.images
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
        *(Setting(name, value) for name, value in normalisation.items()),
    ]


def _model_settings(call: _Call, parts: ModelParts) -> list[Setting]:
    settings = [
        Setting(name, value)
        for name, value in zip(parts._fields, parts, strict=True)
    ]
    init = call.options.init
    if init is not None:
        path = os.path.abspath(os.path.expanduser(init))
        if not os.path.isfile(path):
            raise ValueError(f'init: there is no checkpoint {path}')
        start = {'type': 'Pretrained', 'checkpoint': path}
        settings.append(Setting('init_cfg', start))
    return settings


def _network_sizes(call: _Call, parts: ModelParts, size: int) -> NetworkSizes:
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


def _run_settings(
    call: _Call, images: int, sizes: NetworkSizes
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


def _config_text(
    settings: list[Setting], options: PretrainingOptions
) -> tuple[str, list[Setting]]:
    """Return the text of the config, with the options of the user."""
    template = template_text(TEMPLATE)
    text = filled(template, HEADER, settings)
    if not options.overrides:
        return text, settings
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, CONFIG)
        path.write_text(text, encoding='utf-8')
        cfg = read_with_bases(path)
        settings, statements = overridden(
            settings, cfg, options.overrides, ARGUMENTS
        )
    text = filled(template, HEADER, settings)
    if statements:
        text += f'\n# Options of the call.\n{statements}\n'
    return text, settings
