"""Removal of credentials from URLs in configs."""

from __future__ import annotations

from typing import Any

from mmengine.config import Config

from mixmae.fileio.address import hidden_address


def hide_addresses(cfg: Config) -> None:
    """Remove user names and tokens from the URLs in a config.

    This process can still download from them (``hidden_address``).

    Args:
        cfg: Config; it is changed.
    """
    _hide(cfg._cfg_dict)


def _hide(value: Any) -> Any:
    if isinstance(value, str):
        return hidden_address(value)
    if isinstance(value, dict):
        for key, old in list(value.items()):
            new = _hide(old)
            if new is not old:
                value[key] = new
    elif type(value) in (list, tuple):
        found = [_hide(one) for one in value]
        if any(new is not old for new, old in zip(found, value)):
            return type(value)(found)
    return value
