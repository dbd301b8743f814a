"""Contract of modules with fast paths that do not call all submodules.

Any override of any part acts as it does where every part is called.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules import module as nn_module
from torch.nn.utils import parametrize

from mixmae.models.layers.transformer_block import RECOMPUTED

# float64 sums in another order.
CLOSE = {'rtol': 1e-9, 'atol': 1e-10}


class Wrapped(nn.Module):
    """Module that wraps another one, as adapters do."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, *args, **kwargs):
        return bent(self.inner(*args, **kwargs))


class Halved(nn.Module):
    """Parametrization that halves a tensor."""

    def forward(self, x: Tensor) -> Tensor:
        return x / 2


def bent(out: Tensor) -> Tensor:
    """Return a changed output that a layer norm does not undo."""
    return out + out.square() / 4


def note(seen: set, name: str, *_: object) -> None:
    seen.add(name)


def changed(*args: object) -> Tensor:
    """Forward hook that changes the output."""
    return bent(args[-1])


def shifted(_: nn.Module, inputs: tuple) -> tuple:
    """Forward pre-hook that changes the input."""
    first, *rest = inputs
    if not isinstance(first, Tensor) or not first.is_floating_point():
        return inputs
    return first + 0.25, *rest


def doubled(_: nn.Module, grads: tuple, *__: object) -> tuple:
    """Backward hook that doubles the gradients of the inputs."""
    return tuple(x if x is None else 2 * x for x in grads)


def calls_forward(part: nn.Module, then, *args, **kwargs):
    return then(type(part).forward(part, *args, **kwargs))


def replace_forward(part: nn.Module, then=bent) -> None:
    part.forward = partial(calls_forward, part, then)


def make_subclass(part: nn.Module) -> None:
    def forward(self, *args, **kwargs):
        return bent(super(kind, self).forward(*args, **kwargs))

    kind = type('Sub', (type(part),), {'forward': forward})
    part.__class__ = kind


def parametrize_weights(part: nn.Module) -> None:
    for name, _ in list(part.named_parameters(recurse=False)):
        parametrize.register_parametrization(part, name, Halved())


# Changes of the output, by the user's term.
CHANGES = {
    'forward hook': lambda x: x.register_forward_hook(changed),
    'forward pre-hook': lambda x: x.register_forward_pre_hook(shifted),
    'replaced forward': replace_forward,
    'subclass': make_subclass,
    'parametrization': parametrize_weights,
}
BACKWARD = {
    'backward hook': lambda x: x.register_full_backward_hook(doubled),
    'backward pre-hook': lambda x: x.register_full_backward_pre_hook(
        lambda _, grads: doubled(_, grads)
    ),
}


@contextmanager
def watched(parts: dict[str, nn.Module], kind: str) -> Iterator[set[str]]:
    """Return the submodules whose hooks or forward methods were called."""
    seen: set[str] = set()
    names = {part: name for name, part in parts.items()}

    def note_part(part: nn.Module, *_: object) -> None:
        seen.add(names.get(part, ''))

    register = {
        'global forward': nn_module.register_module_forward_hook,
        'global pre': nn_module.register_module_forward_pre_hook,
        'global backward': nn_module.register_module_full_backward_hook,
    }.get(kind)
    handles = [register(note_part)] if register else []
    for name, part in parts.items():
        own = partial(note, seen, name)
        if kind == 'forward':
            handles.append(part.register_forward_hook(own))
        elif kind == 'pre':
            handles.append(part.register_forward_pre_hook(own))
        elif kind == 'always':
            handles.append(part.register_forward_hook(own, always_call=True))
        elif kind == 'backward':
            handles.append(part.register_full_backward_hook(own))
        elif kind == 'backward pre':
            handles.append(part.register_full_backward_pre_hook(own))
        elif kind == 'replaced':

            def tell(out, own=own):
                own()
                return out

            replace_forward(part, tell)
    yield seen
    for handle in handles:
        handle.remove()
    for part in parts.values():
        vars(part).pop('forward', None)


FORWARD_KINDS = (
    'forward',
    'pre',
    'always',
    'replaced',
    'global forward',
    'global pre',
)
BACKWARD_KINDS = ('backward', 'backward pre', 'global backward')


class OverrideContract:
    """Tests of overridden submodules; subclasses set these.

    Attributes:
        settings: values of ``with_cp``.
        not_called: names of parts that nothing calls in any setting.
        not_wrapped: of those of which other methods are called, too.
    """

    settings: ClassVar[tuple] = RECOMPUTED
    not_called: ClassVar[frozenset[str]] = frozenset()
    not_wrapped: ClassVar[frozenset[str]] = frozenset()

    def build(self, with_cp) -> nn.Module:
        """Return the same module for each setting."""
        raise AssertionError('subclasses build their module here')

    def run(self, module: nn.Module) -> Tensor:
        """Return the output in float64."""
        raise AssertionError('subclasses run their module here')

    def parts(self, module: nn.Module) -> dict[str, nn.Module]:
        """Return the submodules with a forward method."""
        return {
            name: part
            for name, part in module.named_modules()
            if name
            and name not in self.not_called
            and type(part).forward is not nn.Module.forward
        }

    def outcome(self, module: nn.Module) -> list[Tensor | None]:
        """Return output and gradients."""
        module.zero_grad()
        out = self.run(module)
        out.square().sum().backward()
        return [out.detach(), *(x.grad for x in module.parameters())]

    def pytest_generate_tests(self, metafunc) -> None:
        if 'with_cp' in metafunc.fixturenames:
            metafunc.parametrize('with_cp', self.settings)
        if 'recomputed' in metafunc.fixturenames:
            # The others call the same code as False.
            ours = [x for x in self.settings if isinstance(x, str)]
            metafunc.parametrize('recomputed', ours)

    def assert_close(self, found, wanted, what) -> None:
        for a, b in zip(found, wanted, strict=True):
            assert (a is None) == (b is None), what
            if a is not None:
                torch.testing.assert_close(a, b, **CLOSE, msg=str(what))

    @pytest.mark.parametrize('training', [True, False])
    def test_every_part_is_called_if_watched(self, with_cp, training):
        module = self.build(with_cp).double().train(training)
        parts = self.parts(module)
        plain = self.outcome(module)
        for kind in (*FORWARD_KINDS, *BACKWARD_KINDS):
            with watched(parts, kind) as seen:
                found = self.outcome(module)
            assert not parts.keys() - seen, kind
            self.assert_close(found, plain, kind)
        with torch.no_grad():
            plain = [self.run(module)]
            for kind in FORWARD_KINDS:
                with watched(parts, kind) as seen:
                    found = [self.run(module)]
                assert not parts.keys() - seen, kind
                self.assert_close(found, plain, kind)

    def test_a_single_hook_is_called(self, with_cp):
        """Other hooks may have disabled a fast path in the test above."""
        module = self.build(with_cp).double()
        for name, part in self.parts(module).items():
            for kind in ('forward', 'backward', 'replaced'):
                with watched({name: part}, kind) as seen:
                    self.outcome(module)
                assert seen == {name}, kind

    @pytest.mark.parametrize('kind', [*CHANGES, *BACKWARD])
    def test_changes_of_one_part_act_as_without_fast_paths(
        self, recomputed, kind
    ):
        plain, ours = (self.build(x).double() for x in (False, recomputed))
        before = self.outcome(plain)
        acted = 0
        for name in self.parts(plain):
            found = []
            for module in (plain, ours):
                part = module.get_submodule(name)
                with restored(part):
                    {**CHANGES, **BACKWARD}[kind](part)
                    found.append(self.outcome(module))
            self.assert_close(found[1], found[0], (name, kind))
            acted += any(
                a is not None and not torch.equal(a, b)
                for a, b in zip(before, found[0], strict=True)
            )
        assert acted

    def test_wrapped_parts_are_called(self, with_cp):
        """A replacement may lack the attributes of the layer it replaces."""
        module = self.build(with_cp).double()
        before = self.run(module)
        for name in self.parts(module).keys() - self.not_wrapped:
            above, _, last = name.rpartition('.')
            parent, part = module.get_submodule(above), None
            part = module.get_submodule(name)
            setattr(parent, last, Wrapped(part))
            found = self.outcome(module)[0]
            setattr(parent, last, part)
            assert not torch.allclose(found, before, **CLOSE), name


@contextmanager
def restored(part: nn.Module) -> Iterator[None]:
    """Context manager that undoes a change of a submodule."""
    kind, before = part.__class__, dict(vars(part))
    kept = {
        name: dict(value)
        for name, value in before.items()
        if name.endswith('_hooks') or name in ('_parameters', '_modules')
    }
    yield
    part.__class__ = kind
    vars(part).clear()
    vars(part).update(before)
    for name, value in kept.items():
        holder = vars(part)[name]
        holder.clear()
        holder.update(value)
