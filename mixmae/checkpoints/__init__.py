"""Checkpoint files: safe reading, strict loading, conversion."""

# Not lazily: the function has the name of its module, which would take its
# place as soon as anybody imports that.
from mixmae.checkpoints.safe_load import safe_load as safe_load
from mixmae.registry import exports

__getattr__ = exports(
    __name__,
    KeyReport='key_report',
    from_official_mixmim='official_mixmim',
    load_pretrained='backbone_state',
)
