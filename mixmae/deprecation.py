"""Old names of arguments and config keys; they work for one minor version."""

from __future__ import annotations

import argparse
import functools
import warnings
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

# New name of each hook in ``default_hooks``, by the old one.
HOOKS = {'bad_files': 'corrupt_files'}
ARGUMENTS = {'max_broken_share': 'max_corrupt_ratio'}
F = TypeVar('F', bound=Callable)


def warn_renamed(old: str, new: str) -> None:
    """Warn that a name has been replaced."""
    warnings.warn(
        f'{old} is now {new}; the old name will be removed in the next minor '
        f'version',
        FutureWarning,
        stacklevel=3,
    )


def renamed_arguments(**renamed: str) -> Callable[[F], F]:
    """Decorator of a function whose keyword arguments have new names.

    If both names are given, the value of the old one is used: a config that
    was written for it may inherit a default under the new name.

    Args:
        renamed: New name of each argument, by the old one.
    """

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            for old, new in renamed.items():
                if old in kwargs:
                    warn_renamed(old, new)
                    kwargs[new] = kwargs.pop(old)
            return function(*args, **kwargs)

        return call  # type: ignore[return-value]

    return decorate


class RenamedFlag(argparse.Action):
    """Flag of a command line that has a new name.

    Args:
        new: New name of the flag, such as ``--skip-corrupt``.
    """

    def __init__(self, option_strings: Any, dest: str, new: str) -> None:
        super().__init__(option_strings, dest, nargs=0, help=argparse.SUPPRESS)
        self.new = new

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Set the flag of the new name and warn."""
        warn_renamed(str(option_string), self.new)
        setattr(namespace, self.dest, True)


def rename_hooks(config: dict[str, Any]) -> None:
    """Move hooks in ``default_hooks`` to their new names, with a warning.

    A hook without a type changes settings of the one that it inherits.
    """
    hooks = config.get('default_hooks')
    if not isinstance(hooks, dict):
        return
    for old, new in HOOKS.items():
        if old in hooks:
            warn_renamed(f'default_hooks.{old}', f'default_hooks.{new}')
            given, inherited = hooks.pop(old), hooks.get(new)
            if isinstance(given, dict) and isinstance(inherited, dict):
                given = {**inherited, **given}
            hooks[new] = given


def with_new_names(value: Any) -> Any:
    """Copy of a recorded config whose hooks and arguments have new names."""
    if isinstance(value, Mapping):
        names = {**HOOKS, **ARGUMENTS}
        return {names.get(k, k): with_new_names(v) for k, v in value.items()}
    if isinstance(value, list):
        return [with_new_names(one) for one in value]
    return value
