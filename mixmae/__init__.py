"""mixmae: pretraining hierarchical vision transformers without labels."""

from importlib import import_module
from typing import Any

from mixmae import renamed_modules
from mixmae.version import __version__, check_versions

check_versions()
renamed_modules.install()

__all__ = [
    '__version__',
    'finetune',
    'from_pretrained',
    'load_backbone',
    'pretrain',
    'push_to_hub',
]
# Module of each function of the package, imported when it is asked for.
_FUNCTIONS = {
    'finetune': 'mixmae.apis.fine_tuning',
    'from_pretrained': 'mixmae.apis.hub',
    'load_backbone': 'mixmae.apis.hub',
    'pretrain': 'mixmae.apis.pretraining',
    'push_to_hub': 'mixmae.apis.hub',
}


def __getattr__(name: str) -> Any:
    if name in _FUNCTIONS:
        return getattr(import_module(_FUNCTIONS[name]), name)
    raise AttributeError(f"module 'mixmae' has no attribute {name!r}")
