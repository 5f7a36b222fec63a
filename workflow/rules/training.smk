rule train:
    """Train one variant: all its replicates, one after another, with one thread."""
    input:
        data=prepared_data,
    output:
        runs="data/runs/{study}/{variant}/runs.parquet",
        history="data/runs/{study}/{variant}/history.parquet",
        timings="data/runs/{study}/{variant}/timings.parquet",
        machine="data/runs/{study}/{variant}/machine.json",
    log:
        "logs/train/{study}/{variant}.log",
    benchmark:
        "logs/train/{study}/{variant}.benchmark.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        code=code(
            "training/*.py",
            "datasets/preparation.py",
            "datasets/scaling.py",
            "results.py",
        ),
        # Everything that decides the variant, and nothing else.
        spec=lambda wildcards: as_json(variant_of(wildcards).spec(PROJECT)),
    shell:
        "python -m bnmatrix train --log {log:q} --spec {params.spec:q} --data {input.data:q}"
        " --threads {threads} --runs {output.runs:q} --history {output.history:q}"
        " --timings {output.timings:q} --machine {output.machine:q}"
