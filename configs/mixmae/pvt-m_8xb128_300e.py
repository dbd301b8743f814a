# Paper: MixMAE, arXiv 2205.13137, on PVT-M, arXiv 2102.12122
# Command: tools/dist_train.sh configs/mixmae/pvt-m_8xb128_300e.py 8
# Cost: not measured by us
# Expected: unknown: no result of MixMAE on PVT is published where we could
#   read it
# Status: builds; hidden pixels never reach their own prediction (tests); not
#   trained by us
# Deviations: settings ours: those of Swin-B for 300 epochs, since the paper's
#   for other networks are not known; frozen sine-cosine positions at the
#   first stage, where PVT learns its own in each
_base_ = './pvt-s_8xb128_300e.py'

model = dict(backbone=dict(arch='medium'))
