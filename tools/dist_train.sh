#!/usr/bin/env bash
# Train on several processes of this node, or of several nodes.
#
#   tools/dist_train.sh CONFIG GPUS [arguments of tools/train.py]
#
# One node: PORT is chosen by torchrun unless set, so two runs never collide.
# Several: NNODES, NODE_RANK, MASTER_ADDR and MASTER_PORT (or PORT, default
# 29500), the same on every node but for NODE_RANK. Without a GPU the
# processes run on the CPU.
if [ $# -lt 2 ]; then
    echo "usage: [PORT=] [NNODES= NODE_RANK= MASTER_ADDR= MASTER_PORT=] $0 CONFIG GPUS [ARGS...]" >&2
    exit 2
fi
CONFIG=$1
GPUS=$2
shift 2
TOOLS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$TOOLS/launch.sh"
launch "$GPUS" "$TOOLS/train.py" "$CONFIG" --launcher pytorch "$@"
