"""One training step of a candidate on random images.

Ours and others' take the same steps: the toolbox's own preprocessing of
images that are on the device already (normalise, draw a mask), forward, loss,
backward, AdamW.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.candidate import function_of, peak_bytes
from mixmae.engine.hooks.compile_hook import compile_parts
from mixmae.profiling.memory import ActivationMemory

DTYPES = {'float32': torch.float32, 'bfloat16': torch.bfloat16}
CLOCKS = {'wall': time.perf_counter, 'cpu': time.process_time}


class TrainingStep:
    """Steps of one model on random images.

    Args:
        settings: ``build``, a function by name (see ``Candidate.entry``) that
            takes ``model`` and returns a model of MMEngine's kind;
            ``img_size``, ``batch``, ``device``, ``dtype`` (a key of
            ``DTYPES``), ``seed``; optional ``threads``, ``compile``
            (a target of ``CompileHook``) and ``clock`` (of ``CLOCKS``).
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        if settings.get('threads'):
            torch.set_num_threads(settings['threads'])
        torch.manual_seed(settings['seed'])
        self.device = current_device(settings['device'])
        build: Any = function_of(settings['build'])
        self.model = build(settings['model'])
        self.model.to(self.device).train()
        if settings.get('compile'):
            # Every batch has one shape.
            compile_parts(self.model, settings['compile'], dynamic=False)
        self.loss: Any = self.model.loss
        self.optimizer = adamw(self.model)
        self.dtype = DTYPES[settings['dtype']]
        self.clock = CLOCKS[settings.get('clock', 'wall')]
        self.side = settings['img_size']
        self.images = self.random_images(settings['batch'])

    def random_images(self, batch: int) -> Tensor:
        """uint8 (B, 3, H, W), on the device."""
        shape = (batch, 3, self.side, self.side)
        return torch.randint(256, shape, dtype=torch.uint8).to(self.device)

    def forward(self, images: Tensor) -> Tensor:
        """The loss of a batch under new masks."""
        data = {'inputs': images, 'data_samples': None}
        data = self.model.data_preprocessor(data, True)
        # Ours takes a mask, mmpretrain's inputs and samples.
        if 'mask' in data:
            data = {'images': data['inputs'], 'mask': data['mask']}
        with torch.autocast(
            self.device.type,
            self.dtype,
            enabled=self.dtype != torch.float32,
        ):
            return self.loss(**data)['loss']

    def step(self) -> Tensor:
        """Run a training step; return its loss without a device sync."""
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.forward(self.images)
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    def seconds(self, steps: int) -> list[float]:
        """Return the time of each of several steps.

        On a GPU from event to event, without waiting in between, as a
        training does not wait either.
        """
        if self.device.type != 'cuda':
            found = []
            for _ in range(steps):
                start = self.clock()
                self.step()
                found.append(self.clock() - start)
            return found
        events = [
            torch.cuda.Event(enable_timing=True) for _ in range(steps + 1)
        ]
        torch.cuda.synchronize()
        events[0].record()
        for event in events[1:]:
            self.step()
            event.record()
        torch.cuda.synchronize()
        pairs = itertools.pairwise(events)
        return [first.elapsed_time(last) / 1e3 for first, last in pairs]

    def peak_bytes(self) -> int:
        """Most bytes so far: of the GPU's tensors, or of this process."""
        if self.device.type == 'cuda':
            return torch.cuda.max_memory_allocated()
        return peak_bytes()

    def saved(self, images: Tensor) -> ActivationMemory:
        """Activation memory of one forward pass."""
        with ActivationMemory(self.model) as saved:
            self.forward(images)
        return saved

    def parameters(self) -> int:
        """Return the number of trained parameters."""
        parameters = self.model.parameters()
        return sum(p.numel() for p in parameters if p.requires_grad)


def current_device(name: str) -> torch.device:
    """Return a device; a numbered GPU becomes the current one.

    Events, peak memory and synchronisation are those of the current GPU.
    """
    device = torch.device(name)
    if device.type == 'cuda' and device.index is not None:
        torch.cuda.set_device(device)
    return device


def adamw(model: nn.Module) -> torch.optim.Optimizer:
    """Return the optimizer of all candidates."""
    return torch.optim.AdamW(
        [p for p in model.parameters() if p.requires_grad],
        lr=1e-4,
        betas=(0.9, 0.95),
        weight_decay=0.05,
        fused=True,
    )
