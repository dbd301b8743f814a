"""Config allowlist: the registered types that a checkpoint may name.

For a name that they do not know, MMEngine's registries import the module in it
and return any object. A config file may do that since it is a program; the
text in a checkpoint may not.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Collection, Mapping, Sequence
from importlib import import_module
from typing import Any

from mmengine.registry import Registry

# Allowed default scopes of a config, and scopes of its transforms.
SCOPES = ('mixmae', 'mmengine', 'mmpretrain', 'mmdet', 'mmseg')
# Scopes of allowed models: some models of other scopes download code.
MODEL_SCOPES = ('mixmae', 'mmengine')
# Transforms of other scopes that a test pipeline may use: those that only read
# the image. Some of the rest download files, open local ones, build any
# transform named by an option (``resize_type``), or evaluate an option as code
# (``dtype`` of mmpretrain's ``torchvision/...``).
TEST_STEPS = frozenset({
    'Resize', 'ResizeEdge', 'ResizeToMultiple', 'FixScaleResize',
    'FixShapeResize', 'CenterCrop', 'EfficientNetCenterCrop', 'RandomCrop',
    'RandomResizedCrop', 'EfficientNetRandomCrop', 'Pad', 'RandomFlip',
    'Normalize',
})  # fmt: skip

# Parts of classifiers, detectors and segmentors of other scopes that a
# checkpoint may name: those of our configs. The rest stays with a config that
# is given as a file.
TASK_PARTS = frozenset({
    # Models, and what prepares their images.
    'ImageClassifier', 'EncoderDecoder', 'MaskRCNN', 'FasterRCNN',
    'CascadeRCNN', 'HybridTaskCascade', 'GFL', 'ClsDataPreprocessor',
    'DetDataPreprocessor', 'SegDataPreProcessor', 'BatchFixedSizePad',
    # Necks and heads.
    'GlobalAveragePooling', 'ClsBatchNormNeck', 'FPN', 'ChannelMapper',
    'LinearClsHead', 'UPerHead', 'FCNHead', 'RPNHead', 'GFLHead',
    'StandardRoIHead', 'CascadeRoIHead', 'HybridTaskCascadeRoIHead',
    'Shared2FCBBoxHead', 'Shared4Conv1FCBBoxHead', 'FCNMaskHead',
    'HTCMaskHead', 'FusedSemanticHead', 'SingleRoIExtractor',
    'AnchorGenerator', 'DeltaXYWHBBoxCoder',
    # Losses, which decide on the number of outputs.
    'CrossEntropyLoss', 'LabelSmoothLoss', 'L1Loss', 'SmoothL1Loss',
    'GIoULoss', 'QualityFocalLoss', 'DistributionFocalLoss',
    # Layers.
    'BN', 'SyncBN', 'GN', 'LN', 'ReLU', 'GELU',
})  # fmt: skip
# Types that are no registered parts: mmcv evaluates such a name, or takes it
# for one of its operators.
OPERATORS = ('nms', 'soft_nms', 'RoIAlign')


def registered_parts(
    config: Any,
    registries: Sequence[Registry],
    source: str,
    scope: str = 'mixmae',
    allowed: Sequence[str] = MODEL_SCOPES,
    names: Collection[str] | None = None,
) -> Any:
    """Copy a part of a config after checking that its types are allowed.

    Args:
        config: Config of a part in a checkpoint, with nested parts.
        registries: Registries of mixmae; a ``type`` must be registered in one
            of them, or in the corresponding one of an allowed scope.
        source: The checkpoint, for messages.
        scope: ``default_scope`` in the checkpoint, used for types without a
            prefix.
        allowed: Allowed scopes.
        names: Type names, without prefix, allowed from other scopes; None for
            all.

    Returns:
        The copy without any ``init_cfg``, which would load another file.

    Raises:
        ValueError: A type or scope is not registered or not allowed, or a type
            is not text.
    """
    if isinstance(config, Mapping):
        scope = config.get('_scope_') or scope
        if scope not in SCOPES:
            raise _refusal(source, f'the scope {scope!r}', SCOPES)
        operator = names is TASK_PARTS and config.get('type') in OPERATORS
        if (
            'type' in config
            and not operator
            and not any(
                _registered(config['type'], registry, scope, allowed, names)
                for registry in registries
            )
        ):
            raise _refusal(source, f'type={config["type"]!r}', allowed, names)

    def copied(value: Any) -> Any:
        return registered_parts(
            value, registries, source, scope, allowed, names
        )

    if isinstance(config, Mapping):
        parts = {k: v for k, v in config.items() if k != 'init_cfg'}
        return {key: copied(value) for key, value in parts.items()}
    if isinstance(config, (list, tuple)):
        return type(config)(map(copied, config))
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
    """Return the entries of such a registry in a scope."""
    try:
        import_module(f'{scope}.registry')
        found = registry.root
        if scope != found.scope:
            found = found.children[scope]
        # mmdet, mmseg and mmpretrain print messages when they are imported.
        with contextlib.redirect_stdout(io.StringIO()):
            found.import_from_location()
    # Not installed, or without such a registry.
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
        only = f' (outside of mixmae: {", ".join(sorted(names))})'
    return ValueError(
        f'{source} contains a config with {what}, which is not a registered '
        f'part of {", ".join(allowed)} that is allowed there{only}, so the '
        'config is not used; pass the config of its run as a file if you '
        'trust it'
    )
