"""Upload of weights to the Hugging Face hub (`mixmae push`)."""

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
from mixmae.fileio.shown_text import cause_of


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
            checkpoint; or a safetensors file of mixmae, which is uploaded as
            it is.
        name: Repository, ``USER/NAME``; it is created if it does not exist.
        card: See ``release``.
        private: Whether a new repository is private.
        token: Access token; default: that of ``hf auth login``.

    Returns:
        The address of the commit.

    Raises:
        ValueError: huggingface_hub is not installed, ``run`` is no
            pretraining, or the hub refuses the upload.
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
                raise ValueError(
                    f'card has no effect on {path}, whose header is kept; '
                    'write the file with mixmae convert --to release --card'
                )
            file.write_bytes(path.read_bytes())
        else:
            release(path, file, card)
        header = read_header(safe_load(file)['meta'])
        text = model_card(header, f'{HUB}{name}')
        Path(folder, 'README.md').write_text(text, 'utf-8')
        api = HfApi(token=token)
        try:
            api.create_repo(name, private=private, exist_ok=True)
            commit = api.upload_folder(
                repo_id=name,
                folder_path=folder,
                commit_message='Upload weights by mixmae',
            )
        # Hub and network raise errors of many kinds.
        except Exception as error:
            raise ValueError(
                f'{HUB}{name}: the hub refuses the upload '
                f'({cause_of(error)}); log in with hf auth login, and name '
                'the repository USER/NAME'
            ) from None
    return commit.commit_url
