"""The version of mixmae, and nothing else (``setup.py`` executes it)."""

__version__ = '0.1.0'
