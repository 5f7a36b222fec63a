# The locked environment and the package, for jobs on Kubernetes and in Apptainer. Snakemake sends the
# rules with each job. A job stops if its image has other code than the main process.
#
#   docker build -t bnmatrix:0.2.0 .
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
COPY pyproject.toml README.md LICENSE /tmp/bnmatrix/
COPY config /tmp/bnmatrix/config
COPY src /tmp/bnmatrix/src
RUN python -m pip install --no-deps --no-build-isolation /tmp/bnmatrix && rm -r /tmp/bnmatrix
