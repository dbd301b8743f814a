# Paper: MixMAE, arXiv 2205.13137; UperNet, arXiv 1807.10221
# Command: tools/dist_train.sh
#   configs/segmentation/upernet_swin-l_8xb2-160k_ade20k-640.py 8
#   (another start: --cfg-options model.backbone.init_cfg.checkpoint=PATH)
# Cost: not measured by us
# Expected: unknown
# Status: builds; not trained by us
# Deviations: settings ours, for the paper's could not be read: README.md of
#   this folder lists the source of each
_base_ = './upernet_swin-b_8xb2-160k_ade20k-640.py'

pretrained = 'work_dirs/swin-l_8xb128_600e/epoch_600.pth'
model = dict(
    backbone=dict(
        arch='large',
        init_cfg=dict(checkpoint=pretrained),
    ),
    decode_head=dict(in_channels=[192, 384, 768, 1536]),
    auxiliary_head=dict(in_channels=768),
)
