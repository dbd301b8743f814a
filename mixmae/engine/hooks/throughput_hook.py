"""Hook that measures the throughput of a training, and its log processor."""

from __future__ import annotations

import functools
import math
import sys
from collections.abc import Callable
from typing import Any

import torch
from mmengine.dist import get_world_size
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.runner import LogProcessor, Runner
from torch import Tensor, nn

from mixmae.distributed.process_group import unwrapped
from mixmae.profiling.throughput import Throughput, measure_peak_flops
from mixmae.registry import HOOKS, LOG_PROCESSORS, MODELS

try:
    import resource
# On Windows.
except ImportError:
    resource = None  # type: ignore[assignment]

# Measured once per process.
measured_rate = functools.cache(measure_peak_flops)


@HOOKS.register_module()
class ThroughputHook(Hook):
    """Time iterations and compare them with the device's peak.

    ``ThroughputLogProcessor`` adds ``figures`` to the log. The measurement
    reads two clocks per iteration and needs no GPU sync.

    Args:
        mfu: Relate to the device's rate if the compute dtype is known. Set to
            False if images have many sizes, since one operation count does not
            fit them.
        warm_up: Number of first iterations that do not count.
    """

    # After all other hooks: their time belongs to the iteration, not to the
    # wait for the next batch.
    priority = 'LOWEST'

    def __init__(self, mfu: bool = True, warm_up: int = 3) -> None:
        self.mfu = mfu
        self.warm_up = warm_up
        self._throughput = Throughput()
        self._image_shape: tuple[int, ...] | None = None
        self._rate: float | None = None
        self._flops: float | None = None
        self._batch = 0

    def before_train(self, runner: Runner) -> None:
        """Measure the device while nothing else runs on it."""
        window = runner.log_processor.window_size
        self._throughput = Throughput(window, self.warm_up)
        self._image_shape = self._flops = self._rate = None
        self._batch = 0
        if not self.mfu:
            return
        device = next(runner.model.parameters()).device
        dtype = _dtype(runner.optim_wrapper)
        if dtype is None:
            runner.logger.info(
                'The log has no matmul_mfu: the dtype of a '
                f'{type(runner.optim_wrapper).__name__} is unknown'
            )
            return
        self._rate = measured_rate(device, dtype)
        if device.type == 'cuda':
            # Free the test matrices, which training does not need.
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(device)

    def before_train_epoch(self, runner: Runner) -> None:
        """Exclude the time between epochs from the iterations."""
        self._throughput.resume()

    def after_val(self, runner: Runner) -> None:
        """Exclude validation, which loops by iterations run in between."""
        self._throughput.resume()

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None
    ) -> None:
        """Record that the batch has arrived."""
        self._throughput.fetched()

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Any = None,
    ) -> None:
        """Record the end of the iteration."""
        count, shape = _images(data_batch)
        if self.mfu and self._image_shape is None:
            self._image_shape = shape
        self._batch = max(self._batch, count)
        self._throughput.done(count)

    def figures(self, runner: Runner) -> dict[str, float]:
        """Return the figures known before this iteration has ended.

        Returns:
            ``eta``: seconds until the training ends, with validation if there
            has been any; ``img_per_s``: images per second of all processes
            over the log window; ``data_wait``: share of that time, 0 to 1, in
            which this process waited for batches; ``matmul_mfu``: model FLOPs
            utilisation, 0 to 1: the operations of the plain network
            (``training_flops``) divided by the rate of the devices in pure
            matrix products (``measure_peak_flops``, measured before training;
            all devices are assumed equal to this one); ``matmul_tflops``: that
            rate; ``gflops_per_image``: ``training_flops``; ``batch_size``:
            images per iteration on this device. Unknown values are omitted.
        """
        left = runner.max_iters - runner.iter - 1
        eta = self._throughput.seconds_for(left)
        rate = self._throughput.images_per_second
        data_wait = self._throughput.data_wait
        if eta is None or rate is None or data_wait is None:
            return {}
        found = {'eta': eta}
        if rate > 0:
            found['img_per_s'] = rate * get_world_size()
        found['data_wait'] = data_wait
        flops = self._flops_per_image(runner)
        if flops and self._rate:
            found['matmul_mfu'] = flops * rate / self._rate
            found['matmul_tflops'] = self._rate / 1e12
            found['gflops_per_image'] = flops / 1e9
            found['batch_size'] = self._batch
        return found

    def _flops_per_image(self, runner: Runner) -> float | None:
        """Count once, after training has begun, so as not to delay it."""
        if self._flops is None and self._rate and self._image_shape:
            with self._throughput.excused():
                self._count(runner, self._image_shape, self._rate)
        return self._flops

    def _count(
        self, runner: Runner, image_shape: tuple[int, ...], rate: float
    ) -> None:
        # It imports the attention of every backbone.
        from mixmae.profiling.flops import training_flops

        try:
            flops = training_flops(_whole_model(runner), image_shape)
        except ValueError as error:
            self._rate = None
            runner.logger.info(f'The log has no matmul_mfu: {error}')
        else:
            self._flops = flops
            runner.logger.info(
                f'matmul_mfu: {flops / 1e9:.3g} GFLOPs per image over '
                f'{rate / 1e9:.3g} GFLOP/s of matrix products per device, as '
                f'measured before training'
            )


def peak_memory() -> float:
    """Peak host memory of this process in MiB, without GPU memory.

    NaN if the system does not report it, as on Windows.
    """
    if resource is None:
        return math.nan
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == 'darwin' else 2**10)


def _dtype(optim_wrapper: Any) -> torch.dtype | None:
    """Return the dtype of matrix products; None if unknown."""
    for name in ('dtype', 'cast_dtype'):
        found = getattr(optim_wrapper, name, None)
        if isinstance(found, torch.dtype):
            return found
    # Others choose the dtype themselves: MMEngine's AMP wrapper, Apex,
    # DeepSpeed.
    return torch.float32 if type(optim_wrapper) is OptimWrapper else None


def _images(data_batch: Any) -> tuple[int, tuple[int, ...] | None]:
    """Return the number of images in a batch and the shape of one, if any.

    Batches of other libraries may have any form: several views of an image, or
    several inputs, are counted by their samples and have no single shape.
    """
    if not isinstance(data_batch, dict):
        return 0, None
    inputs = data_batch.get('inputs')
    if isinstance(inputs, Tensor) and inputs.ndim:
        shape = tuple(inputs.shape[1:])
        return len(inputs), shape if inputs.ndim == 4 else None
    if isinstance(inputs, (list, tuple)) and inputs:
        first = inputs[0]
        if isinstance(first, Tensor) and first.ndim == 3:
            return len(inputs), tuple(first.shape)
    samples = data_batch.get('data_samples')
    return len(samples) if isinstance(samples, (list, tuple)) else 0, None


def _whole_model(runner: Runner) -> nn.Module:
    """Return the model; with FSDP a copy on the meta device."""
    model = unwrapped(runner.model)
    if any(hasattr(one, 'to_local') for one in model.parameters()):
        with torch.device('meta'):
            return MODELS.build(runner.cfg.model)
    return model


# Names of values that are logged as means: metrics have a prefix.
AVERAGED = (
    r'^(?:(?:train|val|test)/)?[^/]*(?:loss|time|data_time|grad_norm)[^/]*$'
)


@LOG_PROCESSORS.register_module()
class ThroughputLogProcessor(LogProcessor):
    """MMEngine's ``LogProcessor`` with the figures of ``ThroughputHook``.

    ``img_per_s``, ``data_wait`` and ``matmul_mfu`` (see there) are added to
    the log lines and to the JSON of training. So are ``memory`` without a GPU
    (peak memory of this process in MiB, loader workers excluded) and ``eta``
    in seconds. It replaces MMEngine's ``eta``, which ignores validation and a
    slow start.

    Args are those of MMEngine's ``LogProcessor``. Its mean over
    ``window_size`` values is taken of losses and times, and not of metrics:
    MMEngine's default also averages ``reconstruction/loss`` over all
    validations so far.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        options.setdefault('mean_pattern', AVERAGED)
        super().__init__(*args, **options)

    def get_log_after_iter(
        self, runner: Runner, batch_idx: int, mode: str
    ) -> tuple[dict, str]:
        """Return the values and the log line of an iteration."""
        hook = next(
            (one for one in runner.hooks if isinstance(one, ThroughputHook)),
            None,
        )
        if mode != 'train' or hook is None:
            return super().get_log_after_iter(runner, batch_idx, mode)
        figures: dict[str, Any] = hook.figures(runner)
        if 'eta' in figures:
            runner.message_hub.update_info('eta', figures['eta'])
        tag, line = super().get_log_after_iter(runner, batch_idx, mode)
        memory = peak_memory()
        if 'memory' not in tag and not math.isnan(memory):
            figures['memory'] = round(memory)
        prefix = 'train/' if self.log_with_hierarchy else ''
        tag.update({prefix + key: value for key, value in figures.items()})
        shown = [
            f'{key}: {_SHOWN[key](value)}'
            for key, value in figures.items()
            if key in _SHOWN
        ]
        return tag, '  '.join([line, *shown])


def _three_digits(value: float) -> str:
    """Format three significant digits, but keep all integer digits."""
    return f'{value:.0f}' if value >= 100 else f'{value:.3g}'


_SHOWN: dict[str, Callable[[Any], str]] = {
    'img_per_s': _three_digits,
    'data_wait': lambda share: f'{share:.1%}',
    'matmul_mfu': lambda share: f'{share:.1%}',
    'memory': str,
}
