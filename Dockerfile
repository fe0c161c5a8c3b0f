# The pages of VL-FAU, for everybody who runs containers: docs/hosting.md says how. Not for Spaces, which need none.
#   docker build -t vl-fau .                               CPU
#   docker build -t vl-fau:cuda --build-arg DEVICE=cuda .   NVIDIA GPU (docker run --gpus all)
FROM python:3.12.12-slim-bookworm

ARG DEVICE=cpu
ARG TORCH=2.13.0

SHELL ["/bin/bash", "-o", "pipefail", "-c"]

# OpenCV loads the first two; Debian's own patch level of a package is what the base image was tested with.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 vlfau \
    && install -d -o vlfau -g vlfau /app /data

WORKDIR /app
COPY requirements.txt ./
# One known PyTorch before the rest: the registry's brings CUDA, which is 3 GB that a CPU has no use for.
RUN case "$DEVICE" in \
        cpu) pip install --no-cache-dir "torch==$TORCH" --index-url https://download.pytorch.org/whl/cpu ;; \
        cuda) pip install --no-cache-dir "torch==$TORCH" ;; \
        *) echo "DEVICE is cpu or cuda. Found: $DEVICE" >&2; exit 1 ;; \
    esac \
    && pip install --no-cache-dir -r requirements.txt

COPY app.py LICENSE ./
COPY ui ./ui
COPY vlfau ./vlfau
COPY db ./db
COPY finetune ./finetune

# vlfau, as a number: some hosts check that it is not 0 and do not read names
USER 1000
ENV GRADIO_SERVER_NAME=0.0.0.0 \
    GRADIO_SERVER_PORT=7860 \
    GRADIO_ANALYTICS_ENABLED=False \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
VOLUME /data
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7860/healthz', timeout=4)"]
CMD ["python", "app.py", "--data", "/data"]
