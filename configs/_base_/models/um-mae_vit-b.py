# UM-MAE with ViT-B, 224 pixels: one of each 2x2 patches of 16 pixels is seen,
# a quarter of these (13 of 49) as a mask token.
# Source: implus/UM-MAE models_mae.py, mae_vit_base_patch16_dec512d2b.
_base_ = './um-mae_swin-t.py'

model = dict(
    data_preprocessor=dict(masking=dict(multiple=32)),
    backbone=dict(
        _delete_=True,
        type='MIMViT',
        arch='base',
        img_size=224,
        patch_size=16,
        norm_eps=1e-6,
    ),
    # A latent token is one patch.
    neck=dict(in_channels=768, token_channels=768, factor=1),
)
