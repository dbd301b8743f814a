"""The runs of the campaign, in the order in which they are done."""

from __future__ import annotations

from typing import Any, NamedTuple

METHODS = {
    'mixmae': 'configs/mixmae/swin-3stage-mixmae_imagenette-96.py',
    'um_mae': 'configs/um_mae/swin-3stage-um-mae_imagenette-96.py',
    'simmim': 'configs/simmim/swin-3stage-simmim_imagenette-96.py',
}
FINE_TUNING = 'configs/classification/swin-3stage-finetune_imagenette-96.py'

# Weights in the repository, by the pretraining that they are of. Runs that
# start from it use them (float16) when its checkpoint is gone.
RELEASED = {
    'train-mixmae-recipe-40e-seed0': (
        'weights/swin-3stage-mixmae_imagenette-96.safetensors'
    ),
    'train-simmim-recipe-48e-seed0': (
        'weights/swin-3stage-simmim_imagenette-96.safetensors'
    ),
    'train-um_mae-recipe-52e-seed0': (
        'weights/swin-3stage-um-mae_imagenette-96.safetensors'
    ),
}

# Of the whole schedule.
WARMUP_SHARE = 0.1

_LR = 'optim_wrapper.optimizer.lr'
_CELL_8 = {'model.data_preprocessor.masking.cell': 8, 'model.neck.cell': 8}
_MSE = {'model.head.norm_pixels': True, 'model.head.loss': 'mse'}
# What a pretraining has besides its config. 'recipe' is the config itself,
# which holds what the selection runs chose.
VARIANTS: dict[str, dict[str, Any]] = {
    'recipe': {},
    'lr1e-3': {_LR: 1e-3},
    'lr2e-3': {_LR: 2e-3},
    'lr1e-3_mse': {_LR: 1e-3, **_MSE},
    'lr1e-3_cell8': {_LR: 1e-3, **_CELL_8},
    'depth1': {'model.neck.decoder.depth': 1},
    'depth8': {'model.neck.decoder.depth': 8},
}

# From scratch: layers that know nothing yet are not held back.
FULL_RATE = {'optim_wrapper.paramwise_cfg.layer_decay_rate': 1.0}


class Pretraining(NamedTuple):
    """A pretraining, its held-out loss, kNN and linear probe."""

    method: str
    """Of ``METHODS``."""
    epochs: int
    """0 measures the untrained backbone."""
    seed: int = 0
    variant: str = 'recipe'
    """Of ``VARIANTS``."""
    images: str = 'train'
    """'train' or 'small', a tenth of them (measured on the test images), or
    'selection', the other nine tenths (measured on that tenth)."""

    @property
    def name(self) -> str:
        """Unique in the campaign; names its files."""
        parts = (self.images, self.method, self.variant, f'{self.epochs}e')
        return '-'.join((*parts, f'seed{self.seed}'))

    @property
    def config(self) -> str:
        """Path of the config, from the repository's root."""
        return METHODS[self.method]

    def options(self) -> dict[str, Any]:
        """Options of the config, except those of data and initial weights."""
        return {
            **schedule(self.epochs),
            'custom_hooks': [],
            **VARIANTS[self.variant],
        }


class FineTuning(NamedTuple):
    """A fine-tuning and its accuracy on the images not trained on."""

    start: str
    """Name of a ``Pretraining``, or 'scratch'."""
    labels: int
    """Labelled images, equally many of each class; 0 = all."""
    epochs: int
    seed: int = 0
    """Of the choice of labels, the head, the crops, and untrained weights."""
    images: str = 'train'
    """As in ``Pretraining``."""

    @property
    def name(self) -> str:
        """Unique in the campaign; names its files."""
        start = self.start
        if start == 'scratch':
            start = f'{self.images}-scratch'
        labels = self.labels or 'all'
        return f'{start}-labels{labels}-{self.epochs}e-seed{self.seed}'

    @property
    def config(self) -> str:
        """Path of the config, from the repository's root."""
        return FINE_TUNING

    def options(self) -> dict[str, Any]:
        """Options of the config, except those of data and initial weights."""
        options = schedule(self.epochs)
        if self.start == 'scratch':
            options |= FULL_RATE
        return options


class Task(NamedTuple):
    """A task other than classification."""

    config: str
    """Path of the config, from the repository's root."""
    checkpoint: str
    """Name of the last checkpoint."""
    options: dict[str, Any]
    """Options of the run, beside data and initial weights."""
    figures: dict[str, str]
    """Metrics of ``tools/test.py``, by the names of the figures."""


TASKS = {
    # The mini configs' settings, four times as long.
    'camvid': Task(
        'configs/segmentation/upernet_swin-3stage_camvid.py',
        'iter_600.pth',
        {'max_iters': 600},
        {'mIoU': 'mIoU'},
    ),
    'scenes': Task(
        'configs/detection/mask-rcnn_swin-3stage_scenes-128.py',
        'epoch_6.pth',
        {},
        {'box AP': 'coco/bbox_mAP', 'mask AP': 'coco/segm_mAP'},
    ),
}


class Transfer(NamedTuple):
    """A fine-tuning on other images and another task."""

    start: str
    """Name of a ``Pretraining``, or 'scratch'."""
    task: str
    """Of ``TASKS``."""
    seed: int = 0
    """Of the order and the crops, the head, and untrained weights."""
    images: str = 'train'
    """Images of the pretraining; see ``Pretraining``."""

    @property
    def name(self) -> str:
        """Unique in the campaign; names its files."""
        start = self.start
        if start == 'scratch':
            start = f'{self.images}-scratch'
        return f'{start}-{self.task}-seed{self.seed}'

    @property
    def config(self) -> str:
        """Path of the config, from the repository's root."""
        return TASKS[self.task].config

    def options(self) -> dict[str, Any]:
        """Options of the config, except those of data and initial weights."""
        options = dict(TASKS[self.task].options)
        if self.start == 'scratch':
            options |= FULL_RATE
        return options


Spec = Pretraining | FineTuning | Transfer


def schedule(epochs: int) -> dict[str, Any]:
    """Length, warm-up and checkpoints; a run loses an epoch at most."""
    warmup = round(WARMUP_SHARE * epochs, 3)
    return {
        'train_cfg.max_epochs': epochs,
        'param_scheduler.0.end': warmup,
        'param_scheduler.1.begin': warmup,
        'param_scheduler.1.end': epochs,
        'default_hooks.checkpoint.interval': max(1, epochs // 20),
        'default_hooks.checkpoint.max_keep_ckpts': 2,
    }


SELECTION_EPOCHS = 3
SEEDS = (0, 1, 2)
FEW = 860
# Epochs of a fine-tuning by number of labels (0 = all).
LABELS = {100: 100, FEW: 20, 0: 5}
# Epochs that cost about the same processor time: about 15 and 60 minutes of an
# idle core. 80 epochs of MixMAE can exceed the 150 minutes of a single run.
EQUAL_TIME = {
    'short': {'mixmae': 10, 'simmim': 12, 'um_mae': 13},
    'long': {'mixmae': 40, 'simmim': 48, 'um_mae': 52},
}
# Pretraining and fine-tuning on the same small set, all of which is labelled:
# as many updates as 10 epochs on all images, and as 20 epochs on 860 labels.
SMALL_EPOCHS = 100
# From scratch with 860 labels: by epochs of MixMAE, at least as long as they
# and a fine-tuning take together. An epoch of MixMAE took 10 to 13 times as
# long as one of a fine-tuning, depending on the machine.
SCRATCH_EPOCHS = {10: 150, 20: 300, 40: 530}


def _selection(method: str, *variants: str) -> list[Spec]:
    return [
        Pretraining(method, SELECTION_EPOCHS, 0, variant, 'selection')
        for variant in variants
    ]


def _few(*starts: str, seeds: tuple[int, ...] = SEEDS) -> list[Spec]:
    return [
        FineTuning(start, FEW, LABELS[FEW], seed)
        for seed in seeds
        for start in starts
    ]


def _small() -> list[Spec]:
    start = Pretraining('mixmae', SMALL_EPOCHS, images='small')
    runs: list[Spec] = [start]
    for seed in SEEDS:
        runs += [
            FineTuning(name, 0, LABELS[FEW], seed, 'small')
            for name in ('scratch', start.name)
        ]
    longer = SCRATCH_EPOCHS[EQUAL_TIME['short']['mixmae']]
    return [*runs, FineTuning('scratch', 0, longer, 0, 'small')]


def _methods(time: str, seed: int) -> list[Pretraining]:
    return [
        Pretraining(method, epochs, seed)
        for method, epochs in EQUAL_TIME[time].items()
    ]


def _names(specs: list[Pretraining]) -> list[str]:
    return [spec.name for spec in specs]


def _campaign() -> list[Spec]:
    untrained = [Pretraining('mixmae', 0, seed) for seed in SEEDS]
    middle, longest = (Pretraining('mixmae', epochs) for epochs in (20, 80))
    long = EQUAL_TIME['long']['mixmae']
    starts = ['scratch']
    starts += _names([Pretraining('mixmae', e) for e in (10, 20, long)])
    runs: list[Spec] = [
        *_selection('mixmae', 'lr1e-3', 'lr2e-3'),
        *_selection('simmim', 'lr1e-3', 'lr1e-3_mse', 'lr1e-3_cell8'),
        *_selection('simmim', 'lr2e-3'),
        *_selection('um_mae', 'lr1e-3', 'lr2e-3'),
        *_methods('short', 0),
        *_few('scratch', *_names(_methods('short', 0))),
        untrained[0],
        *_methods('short', 1),
        *_few(*_names(_methods('short', 1)), seeds=(0,)),
        FineTuning('scratch', FEW, SCRATCH_EPOCHS[10]),
        middle,
        *_few(middle.name),
        FineTuning('scratch', FEW, SCRATCH_EPOCHS[20]),
        *_methods('long', 0),
        *_few(*_names(_methods('long', 0))),
        FineTuning('scratch', FEW, SCRATCH_EPOCHS[long]),
        *(
            Transfer(start, task, seed)
            for seed in SEEDS
            for task in TASKS
            for start in (starts[-1], 'scratch')
        ),
        *(
            FineTuning(start, labels, LABELS[labels], seed)
            for labels in (100, 0)
            for seed in SEEDS
            for start in starts
        ),
        *_methods('long', 1),
        *_few(*_names(_methods('long', 1))),
        *_small(),
        *untrained[1:],
        Pretraining('mixmae', 10, 0, 'depth1'),
        Pretraining('mixmae', 10, 0, 'depth8'),
        longest,
        *_few(longest.name),
    ]
    return runs


CAMPAIGN = _campaign()
