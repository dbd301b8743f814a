"""Weights on the Hugging Face hub."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mixmae.checkpoints.conversion.model_card import model_card
from mixmae.checkpoints.conversion.release import release
from mixmae.checkpoints.io.named_weights import HUB, HUB_FILE
from mixmae.checkpoints.io.safe_load import safe_load
from mixmae.checkpoints.io.safetensors_file import read_header
from mixmae.engine.manifest.checkpoint_search import last_checkpoint


def push_to_hub(
    run: str | os.PathLike,
    name: str,
    card: Mapping[str, Any] | None = None,
    private: bool = False,
    token: str | None = None,
) -> str:
    """Upload a pretraining with a model card.

    The weights become ``model.safetensors`` of half precision, see
    ``release``. ``hf:USER/NAME`` loads them.

    Args:
        run: Folder of a pretraining, whose last checkpoint is taken; a
            checkpoint; or released weights, whose card is kept.
        name: Repository, ``USER/NAME``; it is created if it does not exist.
        card: See ``release``.
        private: Whether a new repository is private.
        token: Access token; default: that of ``hf auth login``.

    Returns:
        The address of the commit.

    Raises:
        ValueError: huggingface_hub is not installed, or ``run`` is no
            pretraining.
    """
    try:
        # Optional.
        from huggingface_hub import HfApi
    except ImportError:
        raise ValueError(
            "huggingface_hub is not installed; run pip install 'mixmae[hub]'"
        ) from None
    path = Path(run)
    if path.is_dir():
        found = last_checkpoint(path)
        if found is None:
            raise ValueError(f'{path} has no checkpoint')
        path = Path(found)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, HUB_FILE)
        if path.suffix == '.safetensors':
            if card:
                raise ValueError(f'{path} has a card; leave card out')
            file.write_bytes(path.read_bytes())
        else:
            release(path, file, card)
        header = read_header(safe_load(file)['meta'])
        text = model_card(header, f'{HUB}{name}')
        Path(folder, 'README.md').write_text(text, 'utf-8')
        api = HfApi(token=token)
        api.create_repo(name, private=private, exist_ok=True)
        commit = api.upload_folder(
            repo_id=name,
            folder_path=folder,
            commit_message='Upload weights by mixmae',
        )
    return commit.commit_url
