# UM-MAE with its Swin-T, 256 pixels: one of each 2x2 patches of 16 pixels is
# seen, a quarter of these (16 of 64) as a mask token.
# Source: implus/UM-MAE models_mae_swin.py and mask_transform.py. Windows of 8
# tokens on the compacted grids of 32, 16, 8 and 4.
# QUIRK(UM-MAE): norms have an epsilon of 1e-6, but for those in the blocks.
model = dict(
    type='MaskedImageModel',
    data_preprocessor=dict(
        type='MaskingDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        to_rgb=True,
        masking=dict(type='UniformMasking', cell=16, secondary_ratio=0.25),
    ),
    backbone=dict(
        type='MIMSwin',
        arch='tiny',
        img_size=256,
        patch_size=4,
        window_sizes=(8, 8, 8, 8),
        position_bias='log_coordinates',
        merging='conv',
        shift=True,
        absolute_positions=False,
        norm_eps=1e-6,
        block_norm_eps=1e-5,
    ),
    neck=dict(
        type='UMMAENeck',
        in_channels=768,
        token_channels=96,
        cell=16,
        decoder=dict(embed_dims=512, depth=2, num_heads=16, norm_eps=1e-6),
    ),
    head=dict(type='MaskedReconstructionHead', norm_pixels=True, loss='mse'),
)
