# SimMIM as UM-MAE builds it for comparison: its own Swin-T, 256 pixels,
# windows of 16 tokens, random patches of 16 pixels, plain pixels.
# Source: implus/UM-MAE models_simmim_swin.py.
_base_ = './um-mae_swin-t.py'

model = dict(
    data_preprocessor=dict(
        # 192 of 256 patches, drawn for each image.
        masking=dict(
            _delete_=True,
            type='RandomMasking',
            ratio=0.75,
            cell=16,
            shared=False,
        ),
    ),
    # No compacted grids here.
    backbone=dict(window_sizes=(16, 16, 16, 16)),
    # Each latent token of 32 pixels predicts four patches.
    neck=dict(
        _delete_=True,
        type='SimMIMNeck',
        in_channels=768,
        token_channels=96,
        cell=16,
        stride=32,
    ),
    head=dict(norm_pixels=False, loss='l1'),
)
