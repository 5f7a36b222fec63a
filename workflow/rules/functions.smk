"""Functions of the rules: their input files, and what they take from the plan. Holds no rules."""


def checksums(wildcards):
    """Return the checksums of a data set's files. The source of the files does not matter."""
    files = or_exit(PLAN.downloads, wildcards.dataset)
    return as_json({file.name: file.sha256 for file in files})


def raw_files(wildcards):
    """Return the list of verified files of a data set, or nothing if it is not downloaded."""
    dataset = PLAN.project.datasets.get(wildcards.dataset)
    if dataset is None or not dataset.downloaded:
        return []
    or_exit(PLAN.require, wildcards.dataset)
    # A change to the download code must not prepare data again: the checksums are among the params.
    return [ancient(local(f"data/raw/{wildcards.dataset}/SHA256SUMS"))]


def preparation_of(wildcards):
    """Return the specification of the preparation of a data set."""
    return or_exit(PLAN.preparation, wildcards.dataset, wildcards.split)


def job_of(wildcards):
    """Return the job that the wildcards name."""
    return or_exit(PLAN.job, wildcards.study, wildcards.job)


@cache
def cost_of(study, job):
    """Return the cost of a job. Each job asks for it three times."""
    return or_exit(PLAN.cost, study, job)


def training_cost(wildcards):
    """Return the cost of a training job; a retry asks for a multiple of it."""
    return cost_of(wildcards.study, wildcards.job)


def prepared_data(wildcards):
    """Return the path of the prepared data of a job."""
    job = job_of(wildcards)
    return f"data/processed/{PLAN.project.study(job.study).dataset}/{job.split}.npz"


def runs_of(name):
    """Return an input function for file ``name`` of each job of a study."""

    def paths(wildcards):
        jobs = or_exit(PLAN.jobs, wildcards.study)
        return [f"data/runs/{wildcards.study}/{job}/{name}" for job in jobs]

    return paths


def figure(study, name, content, caption=None):
    """Return the path of a figure, marked for Snakemake's own report."""
    return report(
        f"reports/figures/{study}/{name}.svg",
        caption=f"../report/{caption or name}.rst",
        category=study,
        labels={"content": content},
    )


def own_verdicts(wildcards):
    """Return the verdicts on a study of a user's own data; nothing for other studies."""
    has_verdicts = PLAN.has_verdicts(wildcards.study)
    return f"data/results/{wildcards.study}/claims.csv" if has_verdicts else []
