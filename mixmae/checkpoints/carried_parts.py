"""Parts that a checkpoint may name: registered ones, and no others.

MMEngine's registries, asked for a name that they do not know, import what it
says and hand it out, whatever it is. A config file may do that, for it is a
program; the text that a checkpoint carries may not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from mmengine.registry import Registry

# Which may be the default scope of a config, and whose transforms it may name.
SCOPES = ('mixmae', 'mmengine', 'mmpretrain', 'mmdet', 'mmseg')
# Whose models it may name: some of the others' fetch code from the net.
MODEL_SCOPES = ('mixmae', 'mmengine')


def registered_parts(
    config: Any,
    registries: Sequence[Registry],
    source: str,
    scope: str = 'mixmae',
    allowed: Sequence[str] = MODEL_SCOPES,
) -> Any:
    """A copy of a part of a config from which nothing else can be built.

    Args:
        config: what a checkpoint says of a part, and of its parts.
        registries: ours; a ``type`` must be registered in one of them, or in
            the same of an allowed scope.
        source: the checkpoint, for messages.
        scope: ``default_scope`` that the checkpoint names: that of types
            without a prefix.
        allowed: scopes.

    Returns:
        The same without any ``init_cfg``, which would load another file.

    Raises:
        ValueError: a type or scope that is not registered, or no name.
    """
    if isinstance(config, Mapping):
        scope = config.get('_scope_') or scope
        if scope not in SCOPES:
            raise _refusal(source, f'the scope {scope!r}', SCOPES)
        if 'type' in config and not any(
            _registered(config['type'], registry, scope, allowed)
            for registry in registries
        ):
            raise _refusal(source, f'type={config["type"]!r}', allowed)
        return {
            key: registered_parts(value, registries, source, scope, allowed)
            for key, value in config.items()
            if key != 'init_cfg'
        }
    if isinstance(config, (list, tuple)):
        parts = [
            registered_parts(value, registries, source, scope, allowed)
            for value in config
        ]
        return type(config)(parts)
    return config


def _registered(
    name: Any, registry: Registry, scope: str, allowed: Sequence[str]
) -> bool:
    if not isinstance(name, str):
        return False
    prefix, dot, rest = name.partition('.')
    places = [prefix] if dot else [scope, 'mmengine']
    return any(
        (rest if dot else name) in _names(registry, place)
        for place in places
        if place in allowed
    )


def _names(registry: Registry, scope: str) -> Mapping[str, Any]:
    """What is registered in such a registry of a scope."""
    try:
        import_module(f'{scope}.registry')
        found = registry.root
        if scope != found.scope:
            found = found.children[scope]
        found.import_from_location()
    # Not installed here, or it has no parts of that kind.
    except (ImportError, KeyError):
        return {}
    return found.module_dict


def _refusal(source: str, what: str, allowed: Sequence[str]) -> ValueError:
    return ValueError(
        f'{source} carries a config with {what}, which is no registered part '
        f'of {", ".join(allowed)}, so it is not used; give the config of its '
        f'run as a file, if you trust it'
    )
