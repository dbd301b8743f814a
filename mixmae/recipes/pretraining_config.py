"""Config of a pretraining, derived from images, a network and a method."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import torch

from mixmae.checkpoints.conversion.initial_weights import InitialWeights
from mixmae.config.config_file import import_own_modules
from mixmae.fileio.atomic_write import atomic_write
from mixmae.recipes.config_template import (
    Code,
    Setting,
    config_text,
    settings_table,
)
from mixmae.recipes.image_sources import ImageSources, read_sources
from mixmae.recipes.initial_network import (
    FILE,
    continued_model,
    model_of_config,
)
from mixmae.recipes.machine import Machine, RunCost
from mixmae.recipes.methods import DEFAULT_METHOD, ModelParts, named_method
from mixmae.recipes.networks import DEFAULT_MODEL, named_network
from mixmae.recipes.pretraining_options import (
    ARGUMENTS,
    PretrainingCall,
    PretrainingOptions,
)
from mixmae.recipes.pretraining_settings import (
    TRAIN_LIST,
    VAL_LIST,
    image_settings,
    image_size_setting,
    model_parts,
    model_settings,
    network_sizes,
    run_settings,
)

TEMPLATE = 'mixmae/own-images.py'
CONFIG = 'config.py'
HEADER = """\
Written by `mixmae pretrain`: an ordinary config of MMEngine. Run it with
mixmae train CONFIG --work-dir FOLDER, or with tools/train.py of a checkout.
Without --work-dir it writes to work_dirs/config."""
# Held out for validation: a share, and no more than a number.
HELD_OUT, MOST_HELD_OUT = 0.05, 1000


@dataclass(frozen=True)
class PretrainingPlan:
    """A pretraining before it runs.

    Attributes:
        rows: The table: what was derived or given, and why.
        notes: What was left out of the images, a line each.
        text: The config.
        train, val: Images.
        root: Folder above all files, or the first shards.
        machine: Devices of the run.
        dtype: Type that products are computed in.
        cost: Resources that it needs.
        weights: What it starts from; ``None`` for random weights.
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
    weights: InitialWeights | None = None

    def summary(self) -> str:
        """Return the table, what was left out, and what the run will cost."""
        lines = [settings_table(self.rows), '']
        lines += [f'note: {note}' for note in self.notes]
        lines += self.cost.lines(self.machine, self.dtype)
        return '\n'.join(lines)

    def write(self, out: Path) -> Path:
        """Write config, lists and converted weights; return the config."""
        (out / TRAIN_LIST).parent.mkdir(parents=True, exist_ok=True)
        for images, name in ((self.train, TRAIN_LIST), (self.val, VAL_LIST)):
            if images.files:
                images.write_list(out / name, self.root)
        if self.weights is not None and not self.weights.is_local:
            self.weights.write(out / FILE)
        path = out / CONFIG
        with atomic_write(path) as partial:
            partial.write_text(self.text, encoding='utf-8')
        return path


def plan_pretraining(options: PretrainingOptions) -> PretrainingPlan:
    """Derive all settings of a pretraining.

    Raises:
        ValueError: An argument is out of range, or images, network and
            machine do not fit each other; one line.
        ConfigError: An override names no setting, or has no effect.
    """
    import_own_modules(options.overrides)
    call = _read_call(options)
    train, val, choice = _split(call)
    root = ImageSources(train.files + val.files, train.shards).root()
    size = image_size_setting(call)
    parts, weights = model_parts(call, size.value)
    settings = [
        Setting('data_root', root),
        *image_settings(call, train, val, size, root),
        *model_settings(parts, weights),
    ]
    sizes = network_sizes(call, parts, size.value)
    settings += run_settings(call, train.count, sizes)
    text, settings = config_text(
        TEMPLATE, HEADER, settings, options.overrides, ARGUMENTS
    )
    values = {one.name: one.value for one in settings}
    batch, counts = values['batch_size'], values['accumulative_counts']
    update = batch * counts * call.machine.count
    epochs = values['max_epochs']
    if train.count // update * epochs < 2:
        raise ValueError(
            f'epochs={epochs} of {train.count} images, {update} an update, '
            f'are one update, and a warm-up needs two: give more epochs or a '
            f'smaller batch_size'
        )
    cost = RunCost(
        sizes.flops,
        train.count // update * update * epochs,
        sizes.needs(batch, process=call.machine.held).total,
        sizes.checkpoint(),
    )
    rows = [
        Setting('images', call.images.count, call.images.describe()),
        Setting('validation', val.count, choice),
        Setting(
            'model',
            options.model or call.network.name,
            f'{sizes.parameters / 1e6:.1f} M parameters with its decoder; '
            f'{call.method.name}',
        ),
        Setting('devices', call.machine.count, call.machine.name),
        *_structure(call, parts, weights, size.value),
        *(
            one._replace(value=round(one.value.value(max_epochs=epochs), 2))
            if one.name == 'warmup_epochs' and isinstance(one.value, Code)
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
        call.machine.dtype(options.precision),
        cost,
        weights,
    )


def _read_call(options: PretrainingOptions) -> PretrainingCall:
    given = None
    if options.model and options.model.endswith('.py'):
        given = model_of_config(options.model)
    method = named_method(
        options.method or (given.method if given else DEFAULT_METHOD)
    )
    if given and given.method != method.name:
        raise ValueError(
            f'method={method.name}, but the model of {options.model} is of '
            f'{given.method}'
        )
    start = None
    if given:
        network = given.network
    elif options.init is None:
        network = named_network(options.model or DEFAULT_MODEL)
    else:
        start = continued_model(
            options.init, options.model, options.in_channels
        )
        network = start.network
    # Before the images are listed, which may take a while.
    machine = Machine.find(options.devices)
    return PretrainingCall(
        options,
        machine,
        method,
        network,
        given,
        read_sources(options.data),
        start,
    )


def _split(call: PretrainingCall) -> tuple[ImageSources, ImageSources, str]:
    """Return training images, validation images, and how these were chosen."""
    if call.options.val_data is not None:
        val = read_sources(call.options.val_data, 'val_data')
        call.images.notes.extend(val.notes)
        return call.images, val, f'as given: {val.describe()}'
    train, val = call.images.split(HELD_OUT, MOST_HELD_OUT, call.options.seed)
    how = 'drawn at random' if val.files else 'the last of each shard folder'
    share = val.count / call.images.count
    return train, val, f'{share:.1%} held out of training, {how}'


def _structure(
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
        why = 'of the weights' if call.start else 'they divide the grid'
        rows.append(Setting('windows', windows, f'tokens; {why}'))
    decoder = parts.neck.get('decoder')
    if decoder:
        blocks = f'{decoder["depth"]} blocks of {decoder["embed_dims"]}'
        small = call.network.is_small
        why = 'small, as the network' if small else 'the paper'
        rows.append(Setting('decoder', blocks, why))
    if weights is not None:
        name = os.path.basename(weights.path)
        rows.append(Setting('init', name, weights.line()))
    return rows
