# SimMIM as UM-MAE builds it for comparison: its own Swin-T, 256 pixels,
# windows of 16 tokens, random patches of 16 pixels, plain pixels.
# Source: implus/UM-MAE models_simmim_swin.py.
model = dict(
    type='MaskedImageModel',
    data_preprocessor=dict(
        type='MaskingDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        to_rgb=True,
        # 192 of 256 patches, drawn for each image.
        masking=dict(type='RandomMasking', ratio=0.75, cell=16, shared=False),
    ),
    backbone=dict(
        type='MIMSwin',
        arch='tiny',
        img_size=256,
        patch_size=4,
        window_sizes=(16, 16, 16, 16),
        position_bias='log_coordinates',
        merging='conv',
        shift=True,
        absolute_positions=False,
        norm_eps=1e-6,
        block_norm_eps=1e-5,
    ),
    # Each latent token of 32 pixels predicts four patches.
    neck=dict(
        type='SimMIMNeck',
        in_channels=768,
        token_channels=96,
        cell=16,
        stride=32,
    ),
    head=dict(type='MaskedReconstructionHead', norm_pixels=False, loss='l1'),
)
