"""Parts that a checkpoint may name: registered ones, and no others.

MMEngine's registries, asked for a name that they do not know, import what it
says and hand it out, whatever it is. A config file may do that, for it is a
program; the text that a checkpoint carries may not.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from importlib import import_module
from typing import Any

from mmengine.registry import Registry

# Which may be the default scope of a config, and whose transforms it may name.
SCOPES = ('mixmae', 'mmengine', 'mmpretrain', 'mmdet', 'mmseg')
# Whose models it may name: some of the others' fetch code from the net.
MODEL_SCOPES = ('mixmae', 'mmengine')
# Transforms of the others that a test pipeline may name: those that look at
# nothing but the image. Some of the rest fetch files from the net, open local
# ones, build any transform that an option names (``resize_type``), or take an
# option for code (``dtype`` of mmpretrain's ``torchvision/...``).
TEST_STEPS = frozenset({
    'Resize', 'ResizeEdge', 'ResizeToMultiple', 'FixScaleResize',
    'FixShapeResize', 'CenterCrop', 'EfficientNetCenterCrop', 'RandomCrop',
    'RandomResizedCrop', 'EfficientNetRandomCrop', 'Pad', 'RandomFlip',
    'Normalize',
})  # fmt: skip


def registered_parts(
    config: Any,
    registries: Sequence[Registry],
    source: str,
    scope: str = 'mixmae',
    allowed: Sequence[str] = MODEL_SCOPES,
    names: Collection[str] | None = None,
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
        names: of types, without prefix, that may be used of other scopes than
            ours; None for all.

    Returns:
        The same without any ``init_cfg``, which would load another file.

    Raises:
        ValueError: a type or scope that is not registered or allowed, or no
            name.
    """
    if isinstance(config, Mapping):
        scope = config.get('_scope_') or scope
        if scope not in SCOPES:
            raise _refusal(source, f'the scope {scope!r}', SCOPES)
        if 'type' in config and not any(
            _registered(config['type'], registry, scope, allowed, names)
            for registry in registries
        ):
            raise _refusal(source, f'type={config["type"]!r}', allowed, names)
        return {
            key: registered_parts(
                value, registries, source, scope, allowed, names
            )
            for key, value in config.items()
            if key != 'init_cfg'
        }
    if isinstance(config, (list, tuple)):
        parts = [
            registered_parts(value, registries, source, scope, allowed, names)
            for value in config
        ]
        return type(config)(parts)
    return config


def _registered(
    name: Any,
    registry: Registry,
    scope: str,
    allowed: Sequence[str],
    names: Collection[str] | None,
) -> bool:
    if not isinstance(name, str):
        return False
    prefix, dot, rest = name.partition('.')
    places = [prefix] if dot else [scope, 'mmengine']
    name = rest if dot else name
    return any(
        name in _names(registry, place)
        for place in places
        if place in allowed
        and (names is None or place == 'mixmae' or name in names)
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


def _refusal(
    source: str,
    what: str,
    allowed: Sequence[str],
    names: Collection[str] | None = None,
) -> ValueError:
    only = ''
    if names is not None:
        only = f' (of others than mixmae: {", ".join(sorted(names))})'
    return ValueError(
        f'{source} carries a config with {what}, which is no registered part '
        f'of {", ".join(allowed)} that is allowed there{only}, so it is not '
        f'used; give the config of its run as a file, if you trust it'
    )
