# mixmae with the base tier: pretraining, classification, features. No operator
# of mmcv is compiled. Detection and segmentation need the full tier of README.
#
#   docker build -t mixmae:cpu .
#   docker build -t mixmae:cuda --build-arg TORCH=cu130 .
#   docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/data" mixmae:cpu \
#     pretrain --out runs/photos --data photos/
#   docker run --rm --gpus all --shm-size 8g ... mixmae:cuda ...
FROM python:3.11-slim

# Folder of PyTorch's package index: cpu, or the CUDA that torch is built for.
ARG TORCH=cpu
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore

WORKDIR /opt/mixmae
COPY requirements requirements
ENV PIP_CONSTRAINT=/opt/mixmae/requirements/constraints.txt
RUN pip install pip setuptools wheel ninja psutil
# torch and torchvision must come from one index.
RUN pip install --index-url https://download.pytorch.org/whl/${TORCH} torch torchvision
RUN pip install --no-build-isolation -r requirements/runtime.txt -r requirements/pretrain.txt
RUN pip install --no-deps -r requirements/pretrain-no-deps.txt

COPY . .
RUN pip install --no-deps --no-build-isolation . && mixmae --help

# Caches of a user without a home.
ENV XDG_CACHE_HOME=/tmp MPLCONFIGDIR=/tmp
WORKDIR /data
ENTRYPOINT ["mixmae"]
CMD ["--help"]
