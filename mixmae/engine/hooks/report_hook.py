"""Hook that writes the report of a run."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from typing import Any

import torch
from mmengine.dist import get_world_size, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner

from mixmae.distributed.process_group import unwrapped
from mixmae.engine.hooks.reconstruction_hook import (
    held_out_samples,
    model_to_show,
)
from mixmae.models.masked_image_model import MaskedImageModel
from mixmae.registry import HOOKS

# Frameworks of detectors and segmentors.
DENSE = ('mmdet', 'mmseg')


@HOOKS.register_module()
class ReportHook(Hook):
    """Write ``report.html`` after each validation and at the end of a run.

    The page shows the curves of the run, a verdict, and held-out images:
    reconstructions over time and a map of features for pretraining,
    predictions for fine-tuning. It is one file that opens offline. Its parts
    are kept in ``report/`` in the work folder, so that a resumed run continues
    the page. A page that cannot be written is a warning. The training itself
    is not changed.

    Args:
        num_images: Number of images in the reconstructions and galleries.
        num_features: Most images in the map of features; 0 leaves it out.
    """

    # After the hooks that write the log and measure.
    priority = 'LOWEST'

    def __init__(self, num_images: int = 8, num_features: int = 500) -> None:
        if num_images < 1 or num_features < 0:
            raise ValueError(
                'num_images of ReportHook must be at least 1 and num_features '
                f'at least 0, got {num_images} and {num_features}'
            )
        self.num_images = num_images
        self.num_features = num_features
        self._training = False
        self._predictions: list[Any] = []
        self._counts: Any = None
        # Of the last validation: content of the page, and the images' order.
        self._counted: tuple[dict, list[int]] | None = None

    def before_train(self, runner: Runner) -> None:
        """Distinguish a training from a validation without training."""
        self._training = True

    def before_val_epoch(self, runner: Runner) -> None:
        """Forget the predictions of the last validation."""
        self._predictions, self._counts = [], None

    def after_val_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Sequence | None = None,
    ) -> None:
        """Count the predictions of a fine-tuning's batch."""
        model = unwrapped(runner.model)
        if not self._training or isinstance(model, MaskedImageModel):
            return
        # Fine-tuning only.
        from mixmae.visualization.report.class_predictions import (
            ClassCounts,
            ClassPrediction,
        )

        if _framework(runner) in DENSE:
            if self._counts is None:
                self._counts = ClassCounts(runner.val_dataloader.dataset)
            self._counts.add(outputs or ())
            return
        self._predictions += [
            found
            for sample in outputs or ()
            if (found := ClassPrediction.of(sample)) is not None
        ]

    def after_val_epoch(
        self, runner: Runner, metrics: dict[str, float] | None = None
    ) -> None:
        """Add the images of this validation and write the page."""
        if not self._training:
            return
        if isinstance(unwrapped(runner.model), MaskedImageModel):
            self._add_reconstructions(runner)
        else:
            self._add_predictions(runner)
        self._write_page(runner)

    def after_train(self, runner: Runner) -> None:
        """Add the map of features and write the last page."""
        if runner.val_loop is not None:
            # Features are those of whole images, of one size.
            if _framework(runner) in DENSE:
                self._add_drawings(runner)
            elif self.num_features:
                self._add_features(runner)
        self._write_page(runner)
        self._training = False

    def _add_reconstructions(self, runner: Runner) -> None:
        samples = held_out_samples(runner, self.num_images)
        if samples is None:
            return
        # Imported at the first validation, as all that draws.
        from mixmae.visualization.report.reconstruction_views import (
            reconstruction_views,
            view_titles,
        )

        unit, step = _step(runner)
        parts = unwrapped(runner.model).data_preprocessor
        content = {
            'unit': unit,
            'step': step,
            'titles': view_titles(
                samples[0].method, samples[0].uses_target_statistics
            ),
            'images': reconstruction_views(samples, parts.mean, parts.std),
        }
        self._write(runner, f'reconstructions_{step:08d}', content)

    def _add_predictions(self, runner: Runner) -> None:
        from mixmae.visualization.report.class_predictions import (
            prediction_part,
        )
        from mixmae.visualization.report.report_page import PREDICTIONS

        if self._counts is not None:
            self._counted = self._counts.gather()
            content = self._counted[0] if self._counted else None
        else:
            content = prediction_part(
                self._predictions,
                runner.val_dataloader.dataset,
                self.num_images,
            )
        if is_main_process() and content is not None:
            self._write(runner, PREDICTIONS, content)

    def _add_features(self, runner: Runner) -> None:
        from mixmae.visualization.report.feature_map import (
            feature_map,
            image_features,
        )
        from mixmae.visualization.report.report_page import FEATURES

        with model_to_show(runner) as model:
            if model is None or not hasattr(model, 'backbone'):
                return
            found = image_features(
                model, runner.val_dataloader, self.num_features
            )
        if is_main_process() and found is not None:
            self._write(runner, FEATURES, feature_map(*found))

    def _add_drawings(self, runner: Runner) -> None:
        from mixmae.visualization.report.drawn_predictions import (
            drawn_predictions,
        )
        from mixmae.visualization.report.report_page import PREDICTIONS

        with model_to_show(runner) as model:
            if model is None:
                return
            content, numbers = self._counted or ({}, [])
            loader = runner.val_dataloader
            galleries = drawn_predictions(
                model,
                loader.dataset,
                loader.collate_fn,
                numbers,
                self.num_images,
            )
        if is_main_process():
            content = {**content, 'galleries': galleries}
            self._write(runner, PREDICTIONS, content)

    def _write(self, runner: Runner, name: str, content: dict) -> None:
        from mixmae.visualization.report.report_page import write_part

        try:
            write_part(runner.work_dir, name, runner.timestamp, content)
        except OSError as error:
            _warn(runner, error)

    def _write_page(self, runner: Runner) -> None:
        if not is_main_process():
            return
        from mixmae.visualization.report.report_page import ABOUT, write_report

        self._write(runner, ABOUT, _about(runner))
        try:
            write_report([runner.work_dir])
        # A config without a LocalVisBackend has no scalars.
        except (OSError, ValueError) as error:
            _warn(runner, error)


def _warn(runner: Runner, error: Exception) -> None:
    runner.logger.warning(f'report.html is not written: {error}')


def _framework(runner: Runner) -> str:
    """Package of the model's class."""
    return type(unwrapped(runner.model)).__module__.split('.')[0]


def _step(runner: Runner) -> tuple[str, int]:
    """Unit and number of finished epochs or iterations."""
    if isinstance(runner.train_loop, EpochBasedTrainLoop):
        return 'epoch', runner.epoch
    return 'iteration', runner.iter


def _about(runner: Runner) -> dict[str, str]:
    model = unwrapped(runner.model)
    total = sum(p.numel() for p in model.parameters())
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    device = next(model.parameters()).device
    name = (
        torch.cuda.get_device_name(device)
        if device.type == 'cuda'
        else f'{device.type} ({platform.machine()})'
    )
    rows = {
        'parameters': f'{total:,}, of which {trained:,} are trained',
        'training images': f'{len(runner.train_dataloader.dataset):,}',
        'processes': str(get_world_size()),
        'device': name,
        'software': f'torch {torch.__version__}, Python '
        f'{platform.python_version()}',
    }
    if runner.val_loop is not None:
        images = len(runner.val_dataloader.dataset)
        rows['held-out images'] = f'{images:,}'
    return rows
