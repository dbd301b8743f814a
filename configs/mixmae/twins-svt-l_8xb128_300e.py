# Paper: MixMAE, arXiv 2205.13137, on Twins-SVT-L, arXiv 2104.13840
# Command: tools/dist_train.sh configs/mixmae/twins-svt-l_8xb128_300e.py 8
# Cost: not measured by us
# Expected: unknown: no result of MixMAE on Twins is published where we could
#   read it
# Status: builds; hidden pixels never reach their own prediction (tests); not
#   trained by us
# Deviations: settings ours: those of Swin-B for 300 epochs, since the paper's
#   for other networks are not known
_base_ = './twins-svt-s_8xb128_300e.py'

model = dict(backbone=dict(arch='svt-large'), neck=dict(in_channels=1024))
