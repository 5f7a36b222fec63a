"""Functions of the rules: their input files, and what they take from the plan. Holds no rules."""

# The priority of short jobs: data is ready when long jobs could begin, and pages appear while others
# train. The priority of a training job is its expected time in seconds.
BEFORE_TRAINING = 10**7


def finished(*targets):
    """Return all targets; for Snakemake's own report, only those that exist, as it requires."""
    paths = [
        path for target in targets for path in ([target] if isinstance(target, str) else target)
    ]
    making_report = any(word.split("=")[0] == "--report" for word in sys.argv)
    if not making_report or "--report-after-run" in sys.argv:
        return paths
    return [path for path in paths if Path(path).exists()]


def code_of(stage):
    """Return a param: the fingerprint of a stage. A job computes only that of its own rule."""
    return lambda wildcards: fingerprint(stage)


def each_attempt(amount):
    """Return a resource of which attempt *k* requests *k* times the amount."""
    return lambda wildcards, attempt: attempt * amount


def of_profile(name, default):
    """Return a number from the ``resources`` of the profile."""
    value = workflow.global_resources.get(name).value
    return default if value is None else value


# How much time queue entries request: see profiles/slurm/config.yaml.
TIMES = TimePolicy(
    of_profile("time_percent", TimePolicy.percent),
    of_profile("longest_minutes", TimePolicy.longest_minutes),
)


def minutes_for(rule, studies=None):
    """Return the time that a job of a rule requests; ``studies`` are those that it reads."""
    names = (lambda wildcards: [wildcards.study]) if studies is None else (lambda _: studies)
    return lambda wildcards, attempt: PLAN.cost_of_rule(rule, names(wildcards)).minutes(
        attempt, TIMES
    )


def memory_for(rule, studies=None):
    """Return the memory that a job of a rule requests; ``studies`` are those that it reads."""
    names = (lambda wildcards: [wildcards.study]) if studies is None else (lambda _: studies)
    return lambda wildcards, attempt: attempt * PLAN.cost_of_rule(rule, names(wildcards)).mem_mb


def tables_of(studies):
    """Return the tables of studies, other than the runs, from which claims are judged."""
    names = ("history.parquet", "measurements.parquet", "timings.csv", "step_times.parquet")
    names += ("tuning.parquet", "correctness.parquet")
    return [f"data/results/{study}/{name}" for study in studies for name in names]


def data_of(wildcards):
    """Return the prepared data of all variants of a study."""
    dataset = PLAN.project.study(wildcards.study).dataset
    splits = PLAN.splits_of_study(wildcards.study)
    return [f"data/processed/{dataset}/{split}.npz" for split in splits]


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
    # Not `ancient`: if the download has to run, Snakemake would not look at what follows it.
    return [local(f"data/raw/{wildcards.dataset}/SHA256SUMS")]


def preparation_of(wildcards):
    """Return the specification of the preparation of a data set."""
    return or_exit(PLAN.preparation, wildcards.dataset, wildcards.split)


def block_of(wildcards):
    """Return the block of replicates that the wildcards name."""
    return or_exit(Block.parse, wildcards.block)


def spec_of(wildcards):
    """Return the specification of the training job that the wildcards name."""
    return or_exit(PLAN.spec, wildcards.study, wildcards.job, block_of(wildcards))


@cache
def cost_of(study, job, block):
    """Return the cost of a job. Each job asks for it three times."""
    return or_exit(PLAN.cost, study, job, block)


def training_cost(wildcards):
    """Return the cost of a training job; a retry asks for a multiple of it."""
    return cost_of(wildcards.study, wildcards.job, block_of(wildcards))


def prepared_data(wildcards):
    """Return the path of the prepared data of a job."""
    job = or_exit(PLAN.job, wildcards.study, wildcards.job)
    return f"data/processed/{PLAN.project.study(job.study).dataset}/{job.split}.npz"


def runs_of(name):
    """Return an input function for file ``name`` of each training job of a study."""

    def paths(wildcards):
        study = wildcards.study
        return [
            f"data/runs/{study}/{job}/{block}/{name}"
            for job in or_exit(PLAN.jobs, study)
            for block in PLAN.blocks(study, job)
        ]

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
