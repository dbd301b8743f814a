"""Variables of a config file that options can set."""

from __future__ import annotations

import ast
import contextlib
import copy
import inspect
import math
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Set
from pathlib import Path
from textwrap import indent
from typing import Any

from mmengine.config import Config

from mixmae.config.config_paths import base_path, walk
from mixmae.config.option_values import LITERALS, SHARED_VARIABLES, is_variable


class VariableError(ValueError):
    """A variable cannot be set, or has no effect on the run."""


def read_with_bases(path: str | os.PathLike) -> Config:
    """Read a config file; its bases use its ``SHARED_VARIABLES``.

    MMEngine executes bases first. If a file inherits a config and assigns
    ``max_epochs``, only the variable would change, because the base has
    already computed its schedule. Here the files are executed again, and every
    assignment of such a variable uses the value of the outermost file.
    """
    files: Counter[str] = Counter()

    def count(target: Path) -> None:
        with contextlib.suppress(SyntaxError):  # MMEngine reports it.
            found = _Insertion(dict.fromkeys(SHARED_VARIABLES, ''))
            found.visit(ast.parse(target.read_text('utf-8')))
            files.update(found.found)

    with _before_execution(count):
        cfg = Config.fromfile(path)
    return _run(cfg, {}) if any(n > 1 for n in files.values()) else cfg


def with_variables(
    cfg: Config,
    options: Mapping[str, Any],
    unread: Set[str] = frozenset(),
) -> Config:
    """Execute a config file again with other values of its variables.

    MMEngine merges options into the finished config, after the file has used
    its variables. Here the value is set where the files assign the variable,
    so that all derived settings change as well.

    Args:
        cfg: Config returned by ``read_with_bases``.
        options: New values by dotted key; the first part is a variable.
        unread: Keys that the run does not read, such as ``train_dataloader``
            in a test: a change of them alone is no effect.

    Raises:
        VariableError: A variable has no effect on the run.
        KeyError, TypeError: A variable has no such entry.
    """
    grouped: dict[str, dict[str, Any]] = {}
    for key, value in options.items():
        grouped.setdefault(key.split('.')[0], {})[key] = value
    as_written = cfg
    assignments: dict[str, str] = {}
    for name, values in grouped.items():
        expected = Config({name: copy.deepcopy(cfg[name])})
        # MMEngine takes `_delete_` out of the values that it merges.
        expected.merge_from_dict(copy.deepcopy(values))
        if expected[name] == cfg[name]:
            continue
        statements: list[str] = []
        for key, value in values.items():
            nested = _nested(key, value)[name]
            own = Config({name: cfg[name]}).to_dict()[name]
            statements += _statements(name, cfg[name], nested, own)
        assignments[name] = '\n'.join(statements)
        new = cfg
        if cfg.filename and not Config._is_lazy_import(cfg.filename):
            new = _run(as_written, assignments)
        reached = new.get(name) == expected[name] and (
            _differ(cfg, new, unread)
            # Options before this one may have the same effect.
            or _differ(
                as_written, _run(as_written, {name: assignments[name]}), unread
            )
        )
        if not reached:
            named = settings_named(cfg, name)
            keys = ', '.join(k for k in named if k.split('.')[0] not in unread)
            raise VariableError(
                f'{", ".join(values)}: {name} is a variable of '
                f'{cfg.filename} that has no effect here'
                + (f'; set {keys} instead' if keys else '')
            )
        cfg = new
    return cfg


def _differ(one: Config, other: Config, unread: Set[str]) -> bool:
    """Return True if two configs differ in a key that the run reads."""
    return any(
        other.get(key) != one.get(key)
        for key in {*one, *other}
        if not is_variable(one, key) and key not in unread
    )


def _run(cfg: Config, assignments: Mapping[str, str]) -> Config:
    """Execute the files of a config with statements for its variables."""
    pending = {
        name: f'{name} = {_literal(cfg[name])}'
        for name in SHARED_VARIABLES
        if name in cfg and _is_literal(cfg[name])
    }
    pending.update(assignments)

    def insert(path: Path) -> None:
        inserted = _Insertion(pending)
        tree = inserted.visit(ast.parse(path.read_text('utf-8')))
        path.write_text(ast.unparse(tree), 'utf-8')
        for name in inserted.found.difference(SHARED_VARIABLES):
            # Bases may use the name for another purpose.
            statements = pending.pop(name)
            if statements.startswith('if '):
                pending[name] = statements
            elif _is_literal(cfg[name]):
                same = f'if {name} == {_literal(cfg[name])}:\n'
                pending[name] = same + indent(statements, '    ')

    with _before_execution(insert):
        return Config.fromfile(cfg.filename)


@contextlib.contextmanager
def _before_execution(change: Callable[[Path], None]) -> Iterator[None]:
    """Call a function with each Python file of a config before its execution.

    It may change the file, MMEngine's copy. A file comes before its bases.
    """
    substitute = Config._pre_substitute_base_vars

    def call(filename: str, target: str) -> dict:
        result = substitute(filename, target)
        path = Path(target)
        if path.suffix == '.py':
            change(path)
        return result

    # MMEngine has no other extension points between reading and executing a
    # file, and for the files of a package.
    replaced = {'_pre_substitute_base_vars': call, '_get_cfg_path': base_path}
    originals = {
        name: inspect.getattr_static(Config, name) for name in replaced
    }
    for name, function in replaced.items():
        setattr(Config, name, staticmethod(function))
    try:
        yield
    finally:
        for name, original in originals.items():
            setattr(Config, name, original)


class _Insertion(ast.NodeTransformer):
    """Insert statements, by name of the variable, after assignments of it."""

    def __init__(self, statements: Mapping[str, str]) -> None:
        self.statements = statements
        # Variables that the file assigns.
        self.found: set[str] = set()

    def _assigned(self, node: ast.AST) -> list[ast.AST]:
        names = {
            part.id
            for part in ast.walk(node)
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
        }
        inserted: list[ast.AST] = []
        for name in sorted(names & set(self.statements)):
            self.found.add(name)
            inserted += ast.parse(self.statements[name]).body
        return [node, *inserted]

    def _kept(self, node: ast.AST) -> ast.AST:
        """Functions and classes have their own variables."""
        return node

    visit_Assign = visit_AnnAssign = visit_AugAssign = _assigned
    visit_FunctionDef = visit_ClassDef = visit_Lambda = _kept


def _nested(key: str, value: Any) -> dict[str, Any]:
    for part in reversed(key.split('.')):
        value = {part: value}
    return value


def _statements(target: str, old: Any, new: Any, own: Any) -> list[str]:
    """Return assignments that merge a value into a variable.

    ``own`` has the parts that the variable has before the assignments, and
    gets those that they add.
    """
    if isinstance(new, dict) and isinstance(old, (dict, list)):
        if isinstance(old, list):
            inner: Any = {int(key): value for key, value in new.items()}
            present: Any = dict(enumerate(old))
            own = dict(enumerate(own)) if isinstance(own, list) else present
        else:
            inner, present = dict(new), old
        if not inner.pop('_delete_', False):
            found: list[str] = []
            for key, value in inner.items():
                place = f'{target}[{key!r}]'
                if isinstance(present.get(key), dict) and key not in own:
                    # Inherited: MMEngine merges this part with the base.
                    found.append(f'{place} = {{}}')
                    own[key] = {}
                parts = own.get(key, {})
                found += _statements(place, present.get(key), value, parts)
            return found
        new = inner
    return [f'{target} = {_literal(new)}']


def option_statements(
    cfg: Config, key: str, value: Any, own: dict[str, Any]
) -> list[str]:
    """Assignments that set an option after the text of a config.

    Args:
        cfg: The config.
        key: Dotted key, of which the first part may be new.
        value: Its value.
        own: Variables of the text, without those that it inherits; what the
            assignments add is added to them.
    """
    name = key.split('.')[0]
    old = cfg.get(name)
    first = []
    if isinstance(old, dict) and name not in own:
        first = [f'{name} = {{}}']
        own[name] = {}
    parts = own.get(name, {})
    return first + _statements(name, old, _nested(key, value)[name], parts)


def _literal(value: Any) -> str:
    """Return the Python expression of an option value."""
    if isinstance(value, dict):
        items = [f'{_literal(k)}: {_literal(v)}' for k, v in value.items()]
        return f'{{{", ".join(items)}}}'
    if isinstance(value, (list, tuple)):
        text = ''.join(f'{_literal(item)}, ' for item in value)
        return f'[{text}]' if isinstance(value, list) else f'({text})'
    if isinstance(value, float) and not math.isfinite(value):
        return f'float({str(value)!r})'
    return repr(value)


def _is_literal(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_is_literal, (*value, *value.values())))
    if isinstance(value, (list, tuple)):
        return all(map(_is_literal, value))
    return isinstance(value, LITERALS)


def settings_named(cfg: Config, name: str) -> list[str]:
    """Return some dotted keys of a run that end with a variable's name."""
    keys = [
        key
        for top in cfg
        if not is_variable(cfg, top)
        for key, _ in walk(top, cfg[top])
        if key.split('.')[-1] == name
    ]
    return keys[:6]
