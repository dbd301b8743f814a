# MixMAE with Twins-SVT-S (2104.13840), 224 pixels: MixMAE's own mixing and
# decoder (mixmae_swin-b.py). Positions come from Twins' convolutions, which
# keep the two images of a mixture apart.
_base_ = './mixmae_swin-b.py'

model = dict(
    backbone=dict(
        _delete_=True,
        type='MIMTwins',
        arch='svt-small',
        patch_size=4,
        sr_ratios=(8, 4, 2, 1),
        window_size=7,
    ),
    neck=dict(in_channels=512),
)
