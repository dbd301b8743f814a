"""Pretrained backbones, loaded by name or file, and uploaded to a hub."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.registry import DefaultScope

from mixmae.checkpoints.conversion.initial_weights import initial_weights
from mixmae.checkpoints.conversion.release import model_card, release
from mixmae.checkpoints.io.download import (
    HUB,
    HUB_FILE,
    PREFIX,
    weight_files,
)
from mixmae.checkpoints.io.safe_load import safe_load
from mixmae.checkpoints.io.safetensors_file import read_header
from mixmae.checkpoints.io.state_dict import without_prefix
from mixmae.engine.manifest.checkpoint_search import last_checkpoint
from mixmae.fileio.shown_text import cause_of
from mixmae.models.backbones.hierarchical_backbone import HierarchicalBackbone
from mixmae.registry import MODELS


def load_backbone(
    weights: str | os.PathLike,
    in_channels: int | None = None,
    out_indices: Sequence[int] | None = None,
) -> HierarchicalBackbone:
    """Build a pretrained backbone.

    Example::

        backbone = mixmae.load_backbone('runs/roofs/backbone.safetensors')
        maps = backbone((images - backbone.mean) / backbone.std)

    Images are (B, C, H, W) of 0 to 255, in the channel order of the weights:
    RGB for the recipes of mixmae. For features of files, which take care of
    the order, see ``mixmae.apis.FeatureExtractor``.

    Args:
        weights: Name of weights that come with mixmae, ``hf:USER/NAME``, or
            whatever ``init`` of ``pretrain`` takes.
        in_channels: Channels of the images; RGB weights are adapted (default:
            those of the weights).
        out_indices: Stages whose maps the network returns (default: the last
            one). Norms of stages that were pretrained without one only
            standardise.

    Returns:
        The network in evaluation mode, on the CPU.

    Raises:
        ValueError: There are no such weights, or they are of another network.
    """
    address = os.fspath(weights)
    if address in weight_files() and not Path(address).exists():
        address = PREFIX + address
    found = initial_weights(address, in_channels)
    config: dict[str, Any] = dict(found.model['backbone'])
    if out_indices is not None:
        config['out_indices'] = tuple(out_indices)
    with DefaultScope.overwrite_default_scope('mixmae'):
        backbone = MODELS.build(config)
    if not isinstance(backbone, HierarchicalBackbone):
        raise ValueError(
            f'{address}: {type(backbone).__name__} is no backbone'
        )
    backbone.init_weights()
    missing, unexpected = backbone.load_state_dict(
        without_prefix(found.state, 'backbone.'), strict=False
    )
    # Norms of outputs before the last stage are not pretrained.
    last = f'norm{backbone.num_stages - 1}.'
    unread = [k for k in unexpected if not k.startswith(last)]
    absent = [k for k in missing if not k.startswith('norm')]
    if unread or absent:
        raise ValueError(f'{address} lacks {absent} and has {unread}')
    norm = found.model['data_preprocessor']
    for name in ('mean', 'std'):
        value = torch.tensor(norm[name], dtype=torch.float32).view(-1, 1, 1)
        backbone.register_buffer(name, value, persistent=False)
    return backbone.eval()


def from_pretrained(name: str, **options: Any) -> HierarchicalBackbone:
    """Build a pretrained backbone of the Hugging Face hub.

    Args:
        name: ``USER/NAME``, as ``push_to_hub`` got it.
        options: Other arguments of ``load_backbone``.

    Raises:
        ValueError: huggingface_hub is not installed, or there are no such
            weights.
    """
    return load_backbone(f'{HUB}{name}', **options)


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
            cause = cause_of(error)
            # ConnectError, ConnectionError, ReadTimeout and the like.
            if re.match(r'\w*(Connect|Timeout|Offline)', cause):
                raise ValueError(
                    f'{HUB}{name}: the hub cannot be reached ({cause}); check '
                    'the network, and HF_ENDPOINT and HF_HUB_OFFLINE'
                ) from None
            raise ValueError(
                f'{HUB}{name}: the hub refuses the upload ({cause}); log in '
                'with hf auth login, and name the repository USER/NAME'
            ) from None
    return commit.commit_url
