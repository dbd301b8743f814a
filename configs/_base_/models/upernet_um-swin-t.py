# UperNet on UM-MAE's Swin-T: 768 channels. As officially, each stage is normed
# and mapped linearly to 768 channels before the heads; the map is mmdet's
# ChannelMapper, since mmseg has none.
# Source: implus/UM-MAE SEG/configs/upernet.
_base_ = './upernet_mim-swin.py'

model = dict(
    # img_size is the pretraining's; without absolute positions nothing
    # depends on it.
    backbone=dict(
        arch='tiny',
        img_size=256,
        position_bias='log_coordinates',
        merging='conv',
        shift=True,
        absolute_positions=False,
        drop_path_rate=0.1,
        norm_eps=1e-6,
        block_norm_eps=1e-5,
    ),
    neck=dict(
        type='mmdet.ChannelMapper',
        in_channels=[96, 192, 384, 768],
        kernel_size=1,
        out_channels=768,
        act_cfg=None,
    ),
    decode_head=dict(in_channels=[768, 768, 768, 768], channels=768),
    auxiliary_head=dict(in_channels=768),
)
