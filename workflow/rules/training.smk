rule train:
    """Train a strip: the variants of a study that share a job, and all their replicates, with one thread."""
    input:
        data=prepared_data,
    output:
        runs="data/runs/{study}/{strip}/runs.parquet",
        history="data/runs/{study}/{strip}/history.parquet",
        tuning="data/runs/{study}/{strip}/tuning.parquet",
        measurements="data/runs/{study}/{strip}/measurements.parquet",
        predictions="data/runs/{study}/{strip}/predictions.parquet",
        timings="data/runs/{study}/{strip}/timings.parquet",
        step_times="data/runs/{study}/{strip}/step_times.parquet",
        machine="data/runs/{study}/{strip}/machine.json",
    log:
        "logs/train/{study}/{strip}.log",
    benchmark:
        "logs/train/{study}/{strip}.benchmark.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        code=code(
            "training/[!ms]*.py",
            "training/minibatches.py",
            "training/seeds.py",
            "datasets/preparation.py",
            "datasets/scaling.py",
            "results.py",
        ),
        # Behind the runs of a study that measures, and of no other.
        measures=measuring_code,
        # Everything that decides the runs, and nothing else.
        spec=lambda wildcards: as_json(strip_of(wildcards).spec(PROJECT)),
        folder=lambda wildcards, output: os.path.dirname(output.runs),
    shell:
        "python -m bnmatrix train --log {log:q} --spec {params.spec:q} --data {input.data:q}"
        " --threads {threads} --folder {params.folder:q}"
