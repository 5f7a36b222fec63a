# The locked environment, for jobs on Kubernetes and in Apptainer. The image does not contain the
# workflow: Snakemake sends it with each job.
#
#   docker build -t bnmatrix:0.1.0 .
FROM python:3.12.12-slim-bookworm

ENV PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1

WORKDIR /workdir
COPY requirements-cluster.txt /tmp/
# Compile the byte code once: `import tensorflow` then takes 4 s instead of 10 s.
RUN python -m pip install --no-compile --require-hashes -r /tmp/requirements-cluster.txt \
    && python -m compileall -q -j 0 "$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" \
    && rm /tmp/requirements-cluster.txt
