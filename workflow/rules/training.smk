rule train:
    """Train a strip: the variants of a study that share a job, and all their replicates, with one thread."""
    input:
        data=prepared_data,
    output:
        results="data/runs/{study}/{strip}/results.arrow",
        times="data/runs/{study}/{strip}/times.arrow",
    log:
        "logs/train/{study}/{strip}.log",
    benchmark:
        "logs/train/{study}/{strip}.benchmark.tsv"
    # On a cluster, short jobs share a queue entry (group-components of a profile says how many).
    group:
        training_group
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: attempt * training_cost_of(wildcards).mem_mb,
        runtime=lambda wildcards, attempt: attempt * training_cost_of(wildcards).minutes,
    params:
        code=code(
            "training/*.py",
            "datasets/preparation.py",
            "datasets/scaling.py",
            "results.py",
            "packing.py",
        ),
        # Behind the runs of a study that measures, or of variants in PyTorch, and of no other.
        further=further_code,
        # Everything that decides the runs, and nothing else.
        spec=lambda wildcards: as_json(strip_of(wildcards).spec(PROJECT)),
        # Of a profile (set-resources: train:gpu=1): a GPU adds in another order than a processor.
        gpus=lambda wildcards, resources: resources.get("gpu", 0),
        folder=lambda wildcards, output: os.path.dirname(output.results),
    shell:
        "python -m bnmatrix train --log {log:q} --spec {params.spec:q} --data {input.data:q}"
        " --threads {threads} --gpus {params.gpus} --folder {params.folder:q}"
