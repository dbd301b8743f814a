"""mixmae: pretraining hierarchical vision transformers without labels."""

from mixmae.version import __version__
from mixmae.version_gates import check_versions

check_versions()

__all__ = ['__version__']
