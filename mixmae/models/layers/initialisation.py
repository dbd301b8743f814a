"""Initialisation of transformers."""

from torch import nn


def init_transformer(module: nn.Module) -> None:
    """Xavier-uniform linear maps without bias, layer norms at one and zero.

    MixMIM models_mixmim.py:281-303. The patch embedding's convolution keeps
    PyTorch's default there (unlike MAE), hence here.
    """
    for part in module.modules():
        if isinstance(part, nn.Linear):
            nn.init.xavier_uniform_(part.weight)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
        elif isinstance(part, nn.LayerNorm):
            nn.init.ones_(part.weight)
            nn.init.zeros_(part.bias)


def init_fan_out(part: nn.Conv2d | nn.Linear) -> None:
    """Normal weights of variance 2 / fan out, biases at zero.

    UM-MAE initialises its convolutions so, but for the patch embedding.
    """
    fan_out = part.weight[:, 0].numel()
    nn.init.normal_(part.weight, std=(2 / fan_out) ** 0.5)
    if part.bias is not None:
        nn.init.zeros_(part.bias)
