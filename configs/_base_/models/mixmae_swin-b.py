# MixMAE with the Swin-B of its paper, 224 pixels. Source: Sense-X/MixMIM
# models_mixmim.py:445; windows of 14 tokens, which are the complete grid in
# the last two stages.
model = dict(
    type='MaskedImageModel',
    data_preprocessor=dict(
        type='MaskingDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        to_rgb=True,
        masking=dict(type='RandomMasking', ratio=0.5, cell=32, shared=True),
    ),
    backbone=dict(
        type='MIMSwin',
        arch='base',
        img_size=224,
        patch_size=4,
        window_sizes=(14, 14, 14, 7),
    ),
    neck=dict(
        type='MixMAENeck',
        in_channels=1024,
        cell=32,
        decoder=dict(embed_dims=512, depth=8, num_heads=16),
    ),
    head=dict(type='DualReconstructionHead', norm_pixels=True),
)
