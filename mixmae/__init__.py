"""mixmae: pretraining hierarchical vision transformers without labels."""

from mixmae import renamed_modules
from mixmae.version import __version__
from mixmae.version_gates import check_versions

check_versions()
renamed_modules.install()

__all__ = ['__version__']
