"""Checkpoint files: safe reading, strict loading, conversion."""

from mixmae.registry import exports

__getattr__ = exports(
    __name__,
    KeyReport='key_report',
    from_official_mixmim='official_mixmim',
    load_pretrained='backbone_state',
    safe_load='safe_load',
)
