# The locked environment and the package, for jobs on Kubernetes and in Apptainer. Snakemake sends the
# rules with each job. A job stops if its image has other code than the main process.
#
#   docker build -t bnmatrix:0.2.0 .
#   docker build --build-arg GPU=yes -t bnmatrix:0.2.0-gpu .     # TensorFlow's build for GPUs
FROM python:3.12.12-slim-bookworm

ENV PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1

WORKDIR /workdir
ARG GPU=""
COPY requirements-cluster.txt requirements-gpu.txt /tmp/
# Compile the byte code once: `import tensorflow` then takes 4 s instead of 10 s.
RUN if [ -n "$GPU" ]; then \
        sed -i '/^tensorflow-cpu==/,/[^\\]$/d' /tmp/requirements-cluster.txt \
        && python -m pip install --no-compile --require-hashes -r /tmp/requirements-gpu.txt; \
    fi \
    && python -m pip install --no-compile --require-hashes -r /tmp/requirements-cluster.txt \
    && sed -n '/^snakemake-storage-plugin-s3==/,/[^\\]$/p' /tmp/requirements-cluster.txt > /tmp/s3.txt \
    && python -m pip download --no-deps --require-hashes -d /opt/wheels -r /tmp/s3.txt \
    && python -m compileall -q -j 0 "$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" \
    && rm /tmp/*.txt
COPY pyproject.toml README.md LICENSE /tmp/bnmatrix/
COPY config /tmp/bnmatrix/config
COPY src /tmp/bnmatrix/src
RUN python -m pip install --no-deps --no-build-isolation /tmp/bnmatrix && rm -r /tmp/bnmatrix
# Snakemake's Kubernetes plugin runs `pip install` for the storage plugin in each pod. It then takes the
# locked version from the image, without a network.
ENV PIP_NO_INDEX=1 \
    PIP_NO_DEPS=1 \
    PIP_FIND_LINKS=/opt/wheels
