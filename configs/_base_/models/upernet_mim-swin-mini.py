# UperNet on the mini network, small enough for a CPU core.
# Group norm, for SyncBN wants GPUs and batch norm wants batches: the same
# figures for one process and several, for a batch of one, and in testing.
_base_ = './upernet_mim-swin.py'

norm_cfg = dict(type='GN', num_groups=8)
model = dict(
    data_preprocessor=dict(size=(128, 128)),
    backbone=dict(
        arch=dict(
            _delete_=True,
            embed_dims=32,
            depths=(1, 1, 4, 1),
            num_heads=(2, 4, 8, 16),
        ),
        img_size=128,
        window_sizes=(8, 8, 8, 4),
        drop_path_rate=0.0,
    ),
    decode_head=dict(
        in_channels=[32, 64, 128, 256],
        channels=48,
        num_classes=10,
        norm_cfg=norm_cfg,
    ),
    auxiliary_head=dict(
        in_channels=128, channels=32, num_classes=10, norm_cfg=norm_cfg
    ),
    test_cfg=dict(_delete_=True, mode='whole'),
)
