"""A copy of the project with small studies, in which tests run the workflow."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml
from conftest import QUICK, ROOT

COPIED = (
    *("Snakefile", "workflow", "src", "config", "profiles"),
    *("environment.yml", "environment.post-deploy.sh"),
)
#: Lets Snakemake print its own blocks and tables.
DETAILS = ("--logger-bnmatrix-style", "snakemake")

STUDIES = {
    "iris-tiny": {
        "title": "Iris, small",
        "question": "Does it run?",
        "dataset": "iris",
        "settings": {
            "hidden_layers": [8],
            "placement": "after",
            "epochs": 3,
            "input_scaling": "standardized",
            "validation": {"fraction": 0.1, "take": "last"},
        },
        "axes": {"normalization": ["none", "batch"], "batch_size": [16]},
        "replicates": 2,
    },
    "mnist-tiny": {
        "title": "MNIST, a slice",
        "question": "Does it run?",
        "dataset": "mnist",
        "settings": {
            "hidden_layers": [64, 64],
            "epochs": 2,
            "training_examples": 4000,
            "last_batch": "drop",
        },
        "axes": {"normalization": ["none", "batch"], "batch_size": [64]},
        "replicates": 2,
    },
    "cifar10-tiny": {
        "title": "CIFAR-10, a slice",
        "question": "Does it run?",
        "dataset": "cifar10",
        "settings": {
            "hidden_layers": [32],
            "steps": 150,
            "evaluate_every": 50,
            "training_examples": 5000,
            "validation": {"fraction": 0.2, "take": "last"},
        },
        "axes": {"normalization": ["batch"], "batch_size": [128]},
        "replicates": 1,
    },
}


TUNED = {
    "iris-tuned": {
        "title": "Iris, tuned",
        "question": "Does tuning run?",
        "dataset": "iris",
        "role": "experiment",
        "settings": {
            "hidden_layers": [8],
            "steps": 20,
            "evaluate_every": 10,
            "input_scaling": "standardized",
            "validation": {"fraction": 0.1, "take": "last"},
            "last_batch": "drop",
        },
        "axes": {"normalization": ["none", "batch"], "batch_size": [16], "tuned": [False, True]},
        "tuning": {"rates": [0.001, 0.01, 0.1], "replicates": 1, "widen": 1},
        "measures": {"gradients": [0, 20], "order": ["last"]},
        "replicates": 3,
        "together": ["normalization", "tuned"],
    }
}

VARIED = {
    "iris-varied": {
        "title": "Iris, varied",
        "question": "Where does the spread come from?",
        "dataset": "iris",
        "role": "experiment",
        "settings": {"hidden_layers": [4], "steps": 10, "evaluate_every": 10, "folds": 5},
        "axes": {
            "normalization": ["none", "batch"],
            "batch_size": [16],
            "varied": ["all", "weights", "order", "examples"],
        },
        "replicates": 5,
        "together": ["normalization", "varied"],
    }
}

ANALYSIS = {
    "label": "at an ordinary rate",
    "studies": ["iris-tuned", "mnist-tiny"],
    "endpoint": "final",
    "direction": "greater",
    "margin": 0.02,
}
CLAIMS = {
    "better": {
        **dict.fromkeys(("wording", "question", "reason", "literature"), "Text & <b>more</b>."),
        "title": "It is better",
        "primary": ANALYSIS,
        "exploratory": [
            {
                "label": "in time",
                "studies": ["iris-tuned"],
                "endpoint": "seconds_to",
                "arguments": {"target": 0.5},
                "wall_clock": True,
            }
        ],
        "plot": {"table": "history", "x": "step", "y": "validation_accuracy", "panels": "tuned"},
    }
}
REPLICATIONS = {
    "one": {
        **dict.fromkeys(("title", "reference", "protocol"), "Text & <b>more</b>"),
        "study": "iris-tuned",
        "figures": [
            {"what": "accuracy", "value": 0.5, "treatment": {"normalization": "none"}},
        ],
    }
}


class Copy:
    """A copy of the project, with small studies."""

    def __init__(self, folder: Path, *names: str, edit=None):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        for name in COPIED:
            source = ROOT / name
            ignore = shutil.ignore_patterns("__pycache__")
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=ignore, symlinks=True)
            else:
                shutil.copy(source, folder / name)
        studies = json.loads(json.dumps({name: STUDIES[name] for name in names}))
        if edit:
            edit(studies)
        self.declare(studies)

    def declare(self, studies, claims=None, replications=None):
        parts = {"studies": studies, "claims": claims or {}, "replications": replications or {}}
        for name, content in parts.items():
            text = yaml.safe_dump({name: content}, sort_keys=False)
            (self.folder / f"config/{name}.yaml").write_text(text, encoding="utf-8")

    def commit(self):
        """Make the copy a repository without local changes."""
        ignored = ("/data", "/docs", "/logs", "/published", "/reports", ".snakemake", "__pycache__")
        (self.folder / ".gitignore").write_text("\n".join(ignored), encoding="utf-8")
        names = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
        for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "Copy"]):
            subprocess.run(["git", *names, *command], cwd=self.folder, check=True)

    def run(self, *arguments, command=("snakemake",), **environment):
        """Run snakemake or another module; return the process, with all output in ``stdout``.

        Jobs use the code of the copy.
        """
        # No proxy and no mirror unless the test sets one: the hosts cannot be reached.
        hidden = ("BNMATRIX_MIRROR", "PYTHONPATH", *QUICK)
        base = {key: value for key, value in os.environ.items() if key not in hidden}
        names = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
        dead = dict.fromkeys(names, "http://127.0.0.1:9") | {"NO_PROXY": "", "no_proxy": ""}
        return subprocess.run(
            [sys.executable, "-m", *command, *arguments],
            cwd=self.folder,
            env=base | dead | environment | self.python_path(environment.get("PYTHONPATH")),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def python_path(self, more=None):
        """Return the variable that lets Python import the package of the copy, and ``more``."""
        return {"PYTHONPATH": os.pathsep.join(filter(None, [str(self.folder / "src"), more]))}

    def ok(self, *arguments, **environment):
        process = self.run(*arguments, **environment)
        assert process.returncode == 0, process.stdout
        return process.stdout

    def digests(self, *patterns):
        """Return the SHA-256 of every file that matches, by relative path.

        Files about time are left out, and pages are read without the part marked as variable.
        """
        paths = sorted(path for pattern in patterns for path in self.folder.glob(pattern))
        assert paths, patterns
        return {
            str(path.relative_to(self.folder)): hashlib.sha256(steady(path)).hexdigest()
            for path in paths
            if path.stem not in ("timings", "claims-timing", "time")
        }


def steady(path):
    """Return a file's bytes, without the parts of a page that are marked as variable."""
    content = path.read_bytes()
    if path.suffix != ".html":
        return content
    pattern = rb"<(section|p)( [^>]*)? data-varies.*?</\1>"
    left, number = re.subn(pattern, b"", content, flags=re.DOTALL)
    assert number <= 2
    return left


DETERMINISTIC = (
    "reports/*.csv",
    "reports/*.html",
    "reports/*.tex",
    "reports/figures/*/*.*",
    "data/results/*/history.parquet",
    "data/results/*/comparisons.csv",
    "data/results/*/summary.csv",
    "data/processed/*/*.npz",
    "data/runs/*/*/*/results.arrow",
)
