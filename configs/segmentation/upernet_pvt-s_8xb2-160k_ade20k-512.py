# Paper: MixMAE, arXiv 2205.13137, on PVT-S, arXiv 2102.12122; UperNet, arXiv
#   1807.10221
# Command: tools/dist_train.sh
#   configs/segmentation/upernet_pvt-s_8xb2-160k_ade20k-512.py 8
#   (another start: --cfg-options model.backbone.init_cfg.checkpoint=PATH)
# Cost: not measured by us
# Expected: unknown
# Status: builds; not trained by us
# Deviations: settings ours: those of upernet_swin-b_8xb2-160k_ade20k-512.py,
#   drop path 0.1
_base_ = './upernet_swin-b_8xb2-160k_ade20k-512.py'

pretrained = 'work_dirs/pvt-s_8xb128_300e/epoch_300.pth'
model = dict(
    backbone=dict(
        _delete_=True,
        type='mixmae.MIMPVT',
        arch='small',
        img_size=224,
        patch_size=4,
        sr_ratios=(8, 4, 2, 1),
        drop_path_rate=0.1,
        out_indices=(0, 1, 2, 3),
        init_cfg=dict(type='Pretrained', checkpoint=pretrained),
    ),
    decode_head=dict(in_channels=[64, 128, 320, 512]),
    auxiliary_head=dict(in_channels=320),
)
