# Paper: SimMIM, arXiv 2111.09886; microsoft/SimMIM
#   simmim_pretrain__swin_large__img192_window12__800ep.yaml
# Command: NNODES=2 NODE_RANK=... MASTER_ADDR=... tools/dist_train.sh
#   configs/simmim/swin-l_16xb128_800e.py 8
# Cost: not measured by us
# Expected: 85.4 % ImageNet-1K top-1, fine-tuned at 224 [official number]
# Status: builds; not trained by us
# Deviations: bfloat16 autocast instead of apex
_base_ = './swin-b_16xb128_800e.py'

# Windows of 12, clamped to the grid of 6 tokens in the last stage.
model = dict(
    backbone=dict(arch='large', window_sizes=(12, 12, 12, 6)),
    neck=dict(in_channels=1536, token_channels=192),
)
