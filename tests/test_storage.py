"""Files in S3-compatible storage, as on Kubernetes; the profiles and the container's recipe."""

import os
import re
import shutil
import subprocess
import sys

import pytest
import yaml
from checkout import DETERMINISTIC, Copy, steady
from conftest import ACCESS, ROOT


@pytest.mark.slow
def test_results_in_storage_are_those_on_disk(bucket, cluster_plugins, mirror, tmp_path):
    """All files of a run pass through S3; jobs share no other files."""
    address, stored = bucket

    def shorten(studies):
        studies["mnist-tiny"]["settings"] |= {"training_examples": 200, "epochs": 1}

    studies = ("iris-tiny", "mnist-tiny")
    there, here = (Copy(tmp_path / name, *studies, edit=shorten) for name in ("there", "here"))
    environment = ACCESS | {"SNAKEMAKE_STORAGE_S3_ENDPOINT_URL": address}
    environment |= {"BNMATRIX_MIRROR": str(mirror)}
    arguments = ("--default-storage-provider", "s3", "--default-storage-prefix", "s3://bnmatrix/x")
    there.ok("--cores", "2", *arguments, PYTHONPATH=str(cluster_plugins), **environment)
    assert not (there.folder / "reports").exists()
    # Except downloads, which stay on the machine that prepares the data.
    assert [path.name for path in (there.folder / "data").iterdir()] == ["raw"]
    here.ok("--cores", "2", BNMATRIX_MIRROR=str(mirror))
    wanted = here.digests(*DETERMINISTIC)
    names = {item.key.removeprefix("x/"): item for item in stored.objects.all()}
    assert set(wanted) <= set(names)
    for name, item in names.items():
        path = there.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(item.get()["Body"].read())
    assert there.digests(*DETERMINISTIC) == wanted
    index = steady(there.folder / "reports/index.html")
    assert b".snakemake" not in index, "no page says where files of a storage were kept"


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["kubernetes", "slurm"])
def test_profiles_are_understood(profile, bucket, cluster_plugins, tmp_path):
    copy = Copy(tmp_path, "iris-tiny")
    environment = ACCESS | {"SNAKEMAKE_STORAGE_S3_ENDPOINT_URL": bucket[0]}
    if profile == "slurm" and not shutil.which("sinfo"):
        # The plugin runs Slurm's commands when it is imported.
        pytest.skip("no Slurm: install Debian's slurm-wlm")
    output = copy.ok(
        *("-n", "--profile", f"profiles/{profile}"),
        PYTHONPATH=str(cluster_plugins),
        **environment,
    )
    assert re.search(r"train +2\b", output)


@pytest.mark.slow
def test_an_image_is_read_from_the_configuration(tmp_path):
    """A dry run does not need Apptainer."""
    image = "container=docker://localhost/bnmatrix:0.2.0"
    output = Copy(tmp_path, "iris-tiny").ok("-n", "--config", image)
    assert re.search(r"train +2\b", output)


@pytest.mark.parametrize("profile", ["kubernetes", "pbs", "slurm"])
def test_groups_hold_all_jobs_of_an_analysis(profile, tmp_path):
    """Snakemake refuses a group with a job between its jobs that is outside of it."""
    settings = yaml.safe_load(
        (ROOT / f"profiles/{profile}/config.yaml").read_text(encoding="utf-8")
    )
    output = Copy(tmp_path, "iris-tiny").ok("-n", "--groups", *settings["groups"])
    assert re.search(r"page +1\b", output)


def test_every_rule_has_the_conda_environment():
    """Rules that run a command have it; `all` runs none."""
    for path in sorted((ROOT / "workflow/rules").glob("*.smk")):
        text = path.read_text(encoding="utf-8")
        rules = len(re.findall(r"^rule \w+:", text, re.MULTILINE))
        assert text.count('conda:\n        "../../environment.yml"') == rules, path.name


def test_profiles_differ_in_what_they_must():
    """Groups and attempts are equal on both types of cluster."""
    slurm, kubernetes = (
        yaml.safe_load((ROOT / f"profiles/{name}/config.yaml").read_text(encoding="utf-8"))
        for name in ("slurm", "kubernetes")
    )
    assert slurm["executor"] == "slurm"
    assert kubernetes["executor"] == "kubernetes"
    # Limits of pods equal their requests.
    assert kubernetes["default-resources"].pop("scale") == 0
    for key in ("groups", "group-components", "resources", "retries", "default-resources"):
        assert slurm[key] == kubernetes[key]


def test_the_containers_recipe():
    """The Dockerfile passes its linter, and installs the lock."""
    linter = shutil.which("hadolint", path=os.path.dirname(sys.executable))  # noqa: PTH120
    if linter is None:
        pytest.skip("no hadolint: run `make test`")
    subprocess.run([linter, str(ROOT / "Dockerfile")], check=True)
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert "--require-hashes -r /tmp/requirements-cluster.txt" in text
    kept = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    copied = re.findall(r"^COPY (.*) \S+$", text, flags=re.MULTILINE)
    assert {f"!{name}" for names in copied for name in names.split()} <= set(kept)
    image = yaml.safe_load((ROOT / "profiles/kubernetes/config.yaml").read_text(encoding="utf-8"))
    assert f"docker build -t {image['container-image']}" in text
