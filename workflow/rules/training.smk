rule train:
    """Train a strip: the variants of a study that share a job, and all their replicates, with one thread."""
    input:
        data=prepared_data,
    output:
        results="data/runs/{study}/{strip}/results.parquet",
        times="data/runs/{study}/{strip}/times.parquet",
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
            "packing.py",
        ),
        # Behind the runs of a study that measures, and of no other.
        measures=measuring_code,
        # Everything that decides the runs, and nothing else.
        spec=lambda wildcards: as_json(strip_of(wildcards).spec(PROJECT)),
        folder=lambda wildcards, output: os.path.dirname(output.results),
    shell:
        "python -m bnmatrix train --log {log:q} --spec {params.spec:q} --data {input.data:q}"
        " --threads {threads} --folder {params.folder:q}"
