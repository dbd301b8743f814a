"""Parser of the config in a checkpoint, which is not executed."""

from __future__ import annotations

import ast
from typing import Any

from mixmae.checkpoints.io.plain_values import plain_values


class _DictCalls(ast.NodeTransformer):
    """Replace ``dict(a=1)``, as MMEngine prints configs, by ``{'a': 1}``."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        plain = (
            isinstance(node.func, ast.Name)
            and node.func.id == 'dict'
            and not node.args
        )
        if not plain:
            return node
        names: list[ast.expr | None] = [
            None if word.arg is None else ast.Constant(word.arg)
            for word in node.keywords
        ]
        if None in names:
            return node
        return ast.Dict(names, [word.value for word in node.keywords])


def parse_config_text(text: str) -> dict[str, Any]:
    """Return the plain top-level settings in the text of a config.

    MMEngine saves a run's config as text in ``meta['cfg']`` of a checkpoint;
    its own reader would execute the text. This function only parses it.

    Args:
        text: Text from ``Config.pretty_text``.

    Returns:
        Values by name, of assignments of dicts, lists, tuples and plain
        values. Names with other or too deeply nested values are omitted.

    Raises:
        ValueError: The text is not a list of assignments.
    """
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError(
            'the config in the checkpoint is not readable'
        ) from None
    settings: dict[str, Any] = {}
    for node in body:
        if not (
            isinstance(node, ast.Assign)
            and len(node.targets) == 1
            and isinstance(target := node.targets[0], ast.Name)
        ):
            raise ValueError(
                "the config in the checkpoint does not have MMEngine's "
                f'format: line {node.lineno} is not "name = value"'
            )
        settings.pop(target.id, None)
        try:
            value = ast.literal_eval(_DictCalls().visit(node.value))
            plain_values(value)
        except (ValueError, TypeError, RecursionError, MemoryError):
            continue
        settings[target.id] = value
    return settings
