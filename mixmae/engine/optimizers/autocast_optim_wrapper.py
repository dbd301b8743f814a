"""Mixed precision on any device."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from mmengine.optim import OptimWrapper
from torch import Tensor, nn
from torch.optim import Optimizer

from mixmae.engine.finite_values import ON_DEVICE
from mixmae.engine.fsdp2 import whole
from mixmae.registry import OPTIM_WRAPPERS

DTYPES = {
    'bfloat16': torch.bfloat16,
    'float16': torch.float16,
    'float32': torch.float32,
}
# Flags of CPUs whose matrix products are faster in bfloat16 than in float32:
# Intel with AMX, AMD (only AMD has sse4a) and Arm. Intel without AMX is slower
# in bfloat16 even with avx512_bf16 (see LOG.md).
FAST_BF16_FLAGS = ({'amx_bf16'}, {'avx512_bf16', 'sse4a'}, {'bf16'})
# Least major compute capability of GPUs with matrix products in bfloat16.
BF16_CAPABILITY = 8
IMPLEMENTATIONS = ('fused', 'foreach')


def cpu_flags() -> set[str]:
    """Return the feature flags of this CPU, as far as known."""
    query = getattr(torch.cpu, 'get_capabilities', None)
    if query is not None:
        return {name for name, has in query().items() if has is True}
    cpuinfo = Path('/proc/cpuinfo')
    return set(cpuinfo.read_text().split()) if cpuinfo.is_file() else set()


def auto_dtype(device: torch.device) -> torch.dtype:
    """Return bfloat16 if it is faster on the device, else float32.

    It is on CUDA devices of compute capability 8.0 or more, and on CPUs that
    have all flags of one of ``FAST_BF16_FLAGS``.
    """
    if device.type == 'cuda':
        major, _ = torch.cuda.get_device_capability(device)
        fast = major >= BF16_CAPABILITY
    elif device.type == 'cpu':
        flags = cpu_flags()
        fast = any(needed <= flags for needed in FAST_BF16_FLAGS)
    else:
        fast = False
    return torch.bfloat16 if fast else torch.float32


def run_fused(optimizer: Optimizer) -> None:
    """Let a new Adam or AdamW update all its parameters in one kernel.

    The fused kernel changes nothing if a flag on the device (``found_inf``)
    says that the gradients are not finite. Optimizers whose config sets
    ``fused`` or ``foreach``, and other kinds, are not changed.
    """
    if type(optimizer) not in ON_DEVICE:
        return
    defaults = optimizer.defaults
    if any(defaults[key] is not None for key in IMPLEMENTATIONS):
        return
    if defaults['capturable'] or defaults['differentiable']:
        return
    for settings in (defaults, *optimizer.param_groups):
        settings['fused'] = True
    # Their constructors set these for fused.
    optimizer._step_supports_amp_scaling = True  # type: ignore[attr-defined]
    optimizer._need_device_dtype_check_for_fused = (  # type: ignore[attr-defined]
        True
    )


@OPTIM_WRAPPERS.register_module()
class AutocastOptimWrapper(OptimWrapper):
    """An ``OptimWrapper`` whose forward passes run under autocast.

    MMEngine's ``AmpOptimWrapper`` asserts a GPU; this one follows the device
    of the parameters, including the CPU. Gradients are scaled only if they
    could underflow: with float16 on CUDA. Adam and AdamW run fused on CUDA
    unless their config sets otherwise.

    A loss that is not finite makes all gradients non-finite, including those
    that it does not depend on. All ranks detect it when gradients are
    exchanged.

    Attributes:
        before_step: Called, if set, with the gradients of an update unscaled
            and not yet clipped; see ``FiniteGuardHook``.

    Args:
        optimizer: The optimizer; its parameters must already be on their
            device.
        dtype: ``'bfloat16'``, ``'float16'``, ``'float32'`` (no autocast), or
            ``'auto'``: bfloat16 if it is faster, else float32.
        loss_scale: ``'dynamic'``, a number (constant scale), or a dict of
            arguments of ``torch.amp.GradScaler``.
        kwargs: Further arguments of ``mmengine.optim.OptimWrapper``
            (``accumulative_counts``, ``clip_grad``).

    Raises:
        ValueError: On an unknown ``dtype`` or ``loss_scale``.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        dtype: str = 'auto',
        loss_scale: str | float | dict = 'dynamic',
        **kwargs: Any,
    ) -> None:
        if dtype != 'auto' and dtype not in DTYPES:
            raise ValueError(
                f'dtype of AutocastOptimWrapper is {dtype!r}; allowed are '
                f"'auto', {', '.join(map(repr, DTYPES))}"
            )
        if kwargs.get('clip_grad') is not None:
            # MMEngine pops keys from this dict.
            kwargs['clip_grad'] = dict(kwargs['clip_grad'])
        super().__init__(optimizer=optimizer, **kwargs)
        self.device = optimizer.param_groups[0]['params'][0].device
        self.dtype = (
            auto_dtype(self.device) if dtype == 'auto' else DTYPES[dtype]
        )
        if self.device.type == 'cuda':
            run_fused(optimizer)
        self.before_step: Callable[[], None] | None = None
        scaled = self.device.type == 'cuda' and self.dtype == torch.float16
        self._constant_scale: float | None = None
        options: dict[str, Any] = {}
        if isinstance(loss_scale, dict):
            options.update(loss_scale)
        elif isinstance(loss_scale, (int, float)):
            self._constant_scale = float(loss_scale)
            options['init_scale'] = self._constant_scale
        elif loss_scale != 'dynamic':
            raise ValueError(
                f'loss_scale of AutocastOptimWrapper is {loss_scale!r}; '
                "allowed are 'dynamic', a number, or a dict of arguments of "
                'torch.amp.GradScaler'
            )
        self.loss_scaler = torch.amp.GradScaler(
            'cuda', enabled=scaled, **options
        )

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Enable autocast; skip gradient exchange between two updates."""
        with (
            super().optim_context(model),
            torch.autocast(
                self.device.type,
                dtype=self.dtype,
                enabled=self.dtype != torch.float32,
            ),
        ):
            yield

    def backward(self, loss: Tensor, **kwargs: Any) -> None:
        """Accumulate the gradients of the (scaled) loss."""
        scaled = self.loss_scaler.scale(loss)
        # 1, or NaN if the loss is not finite.
        gradient = (loss.detach() * 0 + 1).to(scaled.dtype)
        scaled.backward(gradient, **kwargs)
        self._inner_count += 1

    def step(self, **kwargs: Any) -> None:
        """Unscale, clip, and update unless a gradient has overflowed."""
        if self.clip_grad_kwargs or self.before_step:
            self.loss_scaler.unscale_(self.optimizer)
        if self.before_step:
            self.before_step()
        norm = self._clip() if self.clip_grad_kwargs else None
        self.loss_scaler.step(self.optimizer, **kwargs)
        self.loss_scaler.update(self._constant_scale)
        if norm is not None:
            # After the step: reading the norm syncs the device.
            self.message_hub.update_scalar(f'train/{self.grad_name}', norm)

    def _clip(self) -> Tensor | None:
        """Clip the gradients; return their norm if clipped by norm."""
        parameters = [
            one
            for group in self.optimizer.param_groups
            for one in group['params']
            if one.grad is not None
        ]
        if not parameters:
            return None
        norm = self.clip_func(parameters, **self.clip_grad_kwargs)
        return None if norm is None else whole(norm)

    def state_dict(self) -> dict:
        """Return the optimizer state, with that of an enabled scaler."""
        state = super().state_dict()
        if self.loss_scaler.is_enabled():
            state['loss_scaler'] = self.loss_scaler.state_dict()
        return state

    def load_state_dict(self, state_dict: dict) -> None:
        """Load a state written with this or another dtype, or by MMEngine.

        A scaler state is used if a scaler is enabled and otherwise ignored.
        Without a saved state the scaler starts from its initial scale.
        """
        state = dict(state_dict)
        scaler_state = state.pop('loss_scaler', None)
        if scaler_state and self.loss_scaler.is_enabled():
            self.loss_scaler.load_state_dict(scaler_state)
        # The implementation flags depend on this run's device, not on the one
        # that wrote the state.
        ours = self.optimizer.param_groups
        state['param_groups'] = [
            {**group, **{k: own[k] for k in IMPLEMENTATIONS if k in own}}
            for group, own in zip(state['param_groups'], ours, strict=False)
        ] + state['param_groups'][len(ours) :]
        super().load_state_dict(state)
