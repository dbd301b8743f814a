"""Report of a skipped update."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any, NamedTuple

import torch
from mmengine.logging import print_log
from torch import Tensor, nn
from torch.optim import Optimizer

from mixmae.engine.finite_values import GradientCheck
from mixmae.fileio.atomic_write import write_text_durably

# Fields that tell the source of a sample, in order of preference.
SOURCES = ('img_path', 'img_id', 'sample_idx')
MOST_NAMES = 20


class MicroStep(NamedTuple):
    """One forward and backward pass.

    Attributes:
        iteration: Number of the iteration from 1, as in the log.
        samples: The ``data_samples`` of its batch.
        losses: Log values that the model returned.
    """

    iteration: int
    samples: Any
    losses: dict[str, Any]

    @classmethod
    def of(cls, index: int, batch: Any, outputs: Any) -> MicroStep:
        """Create from the arguments of a hook; ``index`` counts from 0."""
        samples = batch.get('data_samples') if isinstance(batch, dict) else []
        logged = outputs if isinstance(outputs, dict) else {}
        losses = {
            # Detached, so that the graph is freed.
            key: one.detach() if isinstance(one, Tensor) else one
            for key, one in logged.items()
        }
        return cls(index + 1, samples, losses)


class FiniteCheck:
    """Result of a finiteness check, copied from a GPU without waiting."""

    def __init__(self, finite: Tensor) -> None:
        self._arrived: Any = None
        self._finite = finite
        if finite.is_cuda:
            self._finite = torch.empty_like(
                finite, device='cpu', pin_memory=True
            )
            self._finite.copy_(finite, non_blocking=True)
            self._arrived = torch.cuda.Event()
            self._arrived.record()

    def result(self) -> bool:
        """The result; waits for the copy if it is not complete."""
        if self._arrived is not None:
            self._arrived.synchronize()
        return bool(self._finite)


class SkippedUpdate(NamedTuple):
    """An update that may have been skipped.

    Attributes:
        micro_steps: Its accumulated micro-iterations.
        finite: Whether it was finite.
        check: Check of its gradients; None if a gradient scaler skipped the
            optimizer step.
    """

    micro_steps: list[MicroStep]
    finite: FiniteCheck
    check: GradientCheck | None

    def write(
        self,
        path: Path,
        model: nn.Module,
        optimizer: Optimizer,
        settings: dict,
        ranks: list[dict],
    ) -> None:
        """Write a JSON report with ``skipped_on_rank`` of all ranks.

        A file that cannot be written is a warning.
        """
        # Imported here: few trainings skip an update.
        from mixmae.evaluation.results_json import results_json

        content = dict(
            iteration=self.micro_steps[-1].iteration,
            **settings,
            **self._gradients(model, optimizer),
            ranks=ranks,
        )
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text_durably(path, results_json(content) + '\n')
        except OSError as error:
            print_log(
                f'{path} could not be written: {error}',
                'current',
                logging.WARNING,
            )

    def _gradients(self, model: nn.Module, optimizer: Optimizer) -> dict:
        if self.check is None:
            return {}
        sizes = dict(zip(self.check.parameters, self.check.sizes.tolist()))
        names = {id(one): name for name, one in model.named_parameters()}
        groups, bad, place = [], [], 0
        for group in optimizer.param_groups:
            found = []
            for one in group['params']:
                if place in sizes:
                    found.append(sizes[place])
                    if not math.isfinite(sizes[place]):
                        bad.append(names.get(id(one), f'parameter {place}'))
                place += 1
            good = [size for size in found if math.isfinite(size)]
            groups.append(
                dict(
                    lr=group.get('lr'),
                    weight_decay=group.get('weight_decay'),
                    gradients=len(found),
                    not_finite=len(found) - len(good),
                    largest_finite=max(good, default=None),
                )
            )
        return dict(
            grad_norm=float(torch.linalg.vector_norm(self.check.sizes)),
            gradients_not_finite=len(bad),
            first_of_them=bad[:MOST_NAMES],
            groups=groups,
        )


def skipped_on_rank(rank: int, update: SkippedUpdate) -> dict:
    """Return the images and losses, which only this rank knows."""
    return dict(
        rank=rank,
        micro_iterations=[
            dict(
                iteration=step.iteration,
                losses={k: _number(v) for k, v in step.losses.items()},
                images=[_source(sample) for sample in step.samples or []],
            )
            for step in update.micro_steps
        ],
    )


def all_finite(ranks: list[dict]) -> bool:
    """Return True if all losses of all ranks are finite."""
    return all(
        math.isfinite(value)
        for rank in ranks
        for step in rank['micro_iterations']
        for value in step['losses'].values()
        if isinstance(value, float)
    )


def _number(value: Any) -> Any:
    is_scalar = isinstance(value, Tensor) and value.numel() == 1
    return float(value) if is_scalar else repr(value)


def _source(sample: Any) -> str:
    get = getattr(sample, 'get', None)
    found = (get(key) for key in SOURCES if get is not None)
    return str(next((one for one in found if one is not None), 'unknown'))
