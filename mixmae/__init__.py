"""mixmae: pretraining hierarchical vision transformers without labels."""

from mixmae.version import __version__

__all__ = ['__version__']
