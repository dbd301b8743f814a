"""MMEngine's checkpoint loaders, replaced by ``safe_load``.

Parsers are imported when a checkpoint is loaded.
"""

from collections.abc import Callable
from typing import Any

from mmengine.fileio import get
from mmengine.runner import CheckpointLoader
from mmengine.runner.checkpoint import (
    get_deprecated_model_names,
    get_external_models,
    get_mmcls_models,
    get_torchvision_models,
)

from mixmae.fileio.address import full_address, public_address, without_secrets


def load_from_file_or_url(path: str, map_location: Any = None) -> dict:
    """Load with ``safe_load`` onto the CPU, as an MMEngine loader.

    The caller copies the state to the device of the parameters.

    Raises:
        ValueError: As ``safe_load``, or the state dict is not valid.
    """
    from mixmae.checkpoints.io.safe_load import safe_load

    return _harmless(safe_load(path), public_address(path))


def load_from_store(path: str, map_location: Any = None) -> dict:
    """Load from ``s3://`` or ``petrel://``; see ``load_from_file_or_url``."""
    from mixmae.checkpoints.io.safe_load import safe_load_bytes

    address = full_address(path)
    shown = public_address(address)
    try:
        data = get(address, backend_args=dict(backend='petrel'))
    # The client package, the permission or the file may be missing.
    except Exception as error:
        reason = without_secrets(str(error), address)
        raise ValueError(
            f'{shown} cannot be downloaded ({reason}); download it by other '
            'means and pass its path'
        ) from None
    return _harmless(safe_load_bytes(data, shown), shown)


def load_named(path: str, map_location: Any = None) -> dict:
    """Load weights that MMEngine names, as ``torchvision://resnet50``."""
    from mixmae.checkpoints.io.state_dict import without_prefix

    scheme, _, name = path.partition('://')
    if scheme in ('modelzoo', 'torchvision'):
        urls = get_torchvision_models()
    elif scheme == 'mmcls':
        urls = get_mmcls_models()
    else:
        urls = get_external_models()
        name = get_deprecated_model_names().get(name, name)
    if name not in urls:
        raise ValueError(
            f'{public_address(path)}: {scheme} has no weights with that name'
        )
    content = load_from_file_or_url(urls[name])
    if scheme != 'mmcls':
        return content
    state = content.get('state_dict', content)
    return {'state_dict': without_prefix(state, 'backbone.')}


def refuse(path: str, map_location: Any = None) -> dict:
    """Raise in place of a loader that unpickles any file."""
    raise ValueError(
        f'{public_address(path)} has a URL scheme that cannot be loaded '
        'safely; download the file by other means and pass its path'
    )


LOADERS: dict[str, Callable[..., dict]] = {
    '': load_from_file_or_url,
    'http://': load_from_file_or_url,
    'https://': load_from_file_or_url,
    r'(\S+\:)?s3://': load_from_store,
    r'(\S+\:)?petrel://': load_from_store,
    'modelzoo://': load_named,
    'torchvision://': load_named,
    'open-mmlab://': load_named,
    'openmmlab://': load_named,
    'mmcls://': load_named,
}


def _harmless(content: dict, path: str) -> dict:
    """Remove what MMEngine would execute or could not process.

    To find the number of GPUs of old runs, MMEngine's ``resume`` executes the
    text in ``meta['config']``. Paths in the state of its message hub name
    files that it would remove.
    """
    from mixmae.checkpoints.io.resumed_state import checked_hub
    from mixmae.checkpoints.io.state_dict import (
        check_names,
        check_state_dict,
    )

    meta = content.get('meta')
    if meta is not None:
        if not isinstance(meta, dict):
            raise ValueError(
                f'{path} is not a checkpoint of a run: its meta is a '
                f'{type(meta).__name__}, not a dict'
            )
        content['meta'] = {k: v for k, v in meta.items() if k != 'config'}
    if 'message_hub' in content:
        hub = checked_hub(content.pop('message_hub'), path)
        if hub is not None:
            content['message_hub'] = hub
    if 'state_dict' in content:
        check_state_dict(content['state_dict'], path)
    else:
        # A bare state dict, or content without one.
        check_names(content, path)
    return content


def load_only_safely() -> None:
    """Make MMEngine's ``load_from``, ``resume`` and ``init_cfg`` load safely.

    If a safe load fails, MMEngine by default unpickles any content, with a
    warning, and it never loads URLs safely. This function replaces every
    scheme that it knows; schemes that cannot be loaded safely are refused. The
    change holds for the whole process, so programs call it, not the library.
    """
    for scheme in {*CheckpointLoader._schemes, *LOADERS}:
        CheckpointLoader.register_scheme(
            scheme, loader=LOADERS.get(scheme, refuse), force=True
        )
