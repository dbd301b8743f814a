# MixMAE with PVT-S (2102.12122), 224 pixels: MixMAE's own mixing, decoder and
# frozen positions (mixmae_swin-b.py), PVT's widths, depths and spatial
# reduction by 8, 4, 2 and 1 tokens, which is one key for each 32-pixel cell.
_base_ = './mixmae_swin-b.py'

model = dict(
    backbone=dict(
        _delete_=True,
        type='MIMPVT',
        arch='small',
        img_size=224,
        patch_size=4,
        sr_ratios=(8, 4, 2, 1),
    ),
    neck=dict(in_channels=512),
)
