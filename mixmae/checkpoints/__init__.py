"""Checkpoint files: safe reading, strict loading, conversion."""

from mixmae.registry import exports

__getattr__ = exports(
    __name__,
    KeyReport='loading.key_map',
    from_official_mixmim='loading.official_weights',
    load_pretrained='loading.backbone_state',
    safe_load='io.safe_load',
)
