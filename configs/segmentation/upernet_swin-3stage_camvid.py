# Paper: UperNet, arXiv 1807.10221, on the network of the campaign of
#   docs/evidence.md
# Command: python tools/train.py
#   configs/segmentation/upernet_swin-3stage_camvid.py
# Cost: see docs/evidence.md
# Expected: see docs/evidence.md [reproduced here]
# Status: run by `make evidence`
# Deviations: settings ours; pictures at half their size, three maps instead of
#   four
_base_ = './upernet_swin-mini_camvid.py'

# What configs/mixmae/swin-3stage-mixmae_imagenette-96.py writes.
pretrained = 'work_dirs/swin-3stage-mixmae_imagenette-96/epoch_20.pth'
model = dict(
    backbone=dict(
        arch=dict(
            _delete_=True,
            embed_dims=48,
            depths=(1, 1, 6),
            num_heads=(3, 6, 12),
        ),
        patch_size=4,
        window_sizes=(12, 12, 6),
        position_bias='log_coordinates',
        out_indices=(0, 1, 2),
        init_cfg=dict(checkpoint=pretrained),
    ),
    decode_head=dict(in_channels=[48, 96, 192], in_index=[0, 1, 2]),
    auxiliary_head=dict(in_channels=192),
)
