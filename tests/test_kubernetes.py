"""What the Kubernetes profile sends to the API, and what follows when pods fail."""

import base64
import subprocess

import pytest
import yaml
from checkout import Copy
from conftest import ACCESS, ROOT
from kubernetes_api import KubernetesApi

pytestmark = pytest.mark.slow

#: A place of its own: other tests finish the same jobs in the bucket.
PREFIX = "s3://bnmatrix/kubernetes"
TARGET = "data/runs/iris-tiny/normalization~none__batch_size~16/1-2/results.arrow"


@pytest.fixture
def api():
    found = KubernetesApi(log="line 1\nValueError: what the pod says\n")
    yield found
    found.stop()


@pytest.fixture
def snakemake(api, bucket, cluster_plugins, tmp_path):
    """Run snakemake with the profile; return the exit status and the console."""
    copy = Copy(tmp_path / "copy", "iris-tiny")
    # Snakemake sends the files that git tracks.
    for command in (["init", "-q"], ["add", "-A"]):
        subprocess.run(["git", *command], cwd=copy.folder, check=True)

    def run(*arguments):
        process = copy.run(
            *("--profile", "profiles/kubernetes", "--seconds-between-status-checks", "1"),
            *arguments,
            PYTHONPATH=str(cluster_plugins),
            KUBECONFIG=str(api.kubeconfig(tmp_path)),
            SNAKEMAKE_STORAGE_S3_ENDPOINT_URL=bucket[0],
            **ACCESS,
        )
        print(process.stdout)
        return process.returncode, process.stdout

    return run


def test_the_requests_for_a_training_job(api, snakemake):
    """Image, requests and limits; a pod that failed is tried again, and everything is deleted."""
    status, output = snakemake("--retries", "1", "--default-storage-prefix", PREFIX, "--", TARGET)
    assert status != 0
    bodies = api.sent("POST", "/namespaces/default/jobs")
    assert len(bodies) == 2, "each attempt"
    assert len({body["metadata"]["name"] for body in bodies}) == 2
    for attempt, body in enumerate(bodies, start=1):
        spec = body["spec"]["template"]["spec"]
        (container,) = spec["containers"]
        profile = (ROOT / "profiles/kubernetes/config.yaml").read_text(encoding="utf-8")
        assert container["image"] == yaml.safe_load(profile)["container-image"]
        assert (body["spec"]["backoffLimit"], spec["restartPolicy"]) == (0, "Never")
        resources = container["resources"]
        assert resources["requests"]["memory"] == f"{1400 * attempt}M"
        assert resources["limits"]["memory"] == f"{1400 * attempt}M"
        assert resources["limits"]["cpu"] == "1000m"
        assert resources["limits"]["ephemeral-storage"] == "1000M"
        # What the plugin cannot do, as docs/cluster.md says.
        assert "activeDeadlineSeconds" not in {**body["spec"], **spec}
        assert "imagePullSecrets" not in spec
    # The log of the pod is shown.
    assert "ValueError: what the pod says" in output
    # The credentials reach pods through a secret, which does not stay; nor do the jobs.
    (secret,) = api.sent("POST", "/secrets")
    names = {name: base64.b64decode(value).decode() for name, value in secret["data"].items()}
    assert names["snakemake_storage_s3_access_key"] == ACCESS["SNAKEMAKE_STORAGE_S3_ACCESS_KEY"]
    assert "bnmatrix_digest" in names
    assert len(api.sent("DELETE", secret["metadata"]["name"])) == 1
    for body in bodies:
        assert api.sent("DELETE", f"/jobs/{body['metadata']['name']}")


def test_a_gpu_has_a_limit(api, snakemake):
    status, output = snakemake(
        *("--retries", "0", "--default-storage-prefix", PREFIX),
        *("--set-resources", "train:gpu=1", "train:gpu_manufacturer=nvidia", "--", TARGET),
    )
    assert status != 0
    (body,) = api.sent("POST", "/namespaces/default/jobs")
    resources = body["spec"]["template"]["spec"]["containers"][0]["resources"]
    assert resources["limits"]["nvidia.com/gpu"] == "1"
    assert "ValueError: what the pod says" in output


def test_what_a_pod_installs_comes_with_the_image(api, snakemake):
    """The plugin installs the storage plugin in each pod; the image makes pip take its own copy."""
    snakemake("--retries", "0", "--default-storage-prefix", PREFIX, "--", TARGET)
    (body,) = api.sent("POST", "/namespaces/default/jobs")
    (command,) = body["spec"]["template"]["spec"]["containers"][0]["args"][1:]
    assert command.count("pip install") == 1
    assert (
        "pip install --target '.snakemake/pip-deployments' snakemake-storage-plugin-s3 &&"
        in command
    )
    recipe = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    settings = dict(
        part.split("=", 1)
        for part in recipe.split("ENV ")[-1].split("\n\n")[0].replace("\\\n", " ").split()
    )
    assert settings == {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_FIND_LINKS": "/opt/wheels"}
