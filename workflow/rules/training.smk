rule train:
    """Train a block of replicates of the variants of a job, with one thread."""
    input:
        data=prepared_data,
    output:
        results="data/runs/{study}/{job}/{block}/results.arrow",
        times="data/runs/{study}/{job}/{block}/times.arrow",
    log:
        "logs/train/{study}/{job}/{block}.log",
    benchmark:
        "logs/train/{study}/{job}/{block}.benchmark.tsv"
    # Long jobs first, so that no core is idle at the end.
    priority: lambda wildcards: int(training_cost(wildcards).seconds)
    # On a cluster, short jobs share a queue entry (`group-components` of a profile sets how many).
    group:
        lambda wildcards: "training" if training_cost(wildcards).short else None
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: attempt * training_cost(wildcards).mem_mb,
        runtime=lambda wildcards, attempt: training_cost(wildcards).minutes(attempt, TIMES),
    params:
        code=lambda wildcards: fingerprint(spec_of(wildcards).stage),
        # Everything that decides the results of the runs, except the data. The libraries that
        # compute affect results as the code does: the spec has a digest of both.
        spec=lambda wildcards: spec_of(wildcards).as_json(),
        # A profile can set a GPU (set-resources: train:gpu=1). It is a param, because a GPU adds
        # numbers in another order than a processor.
        gpus=lambda wildcards, resources: resources.get("gpu", 0),
        folder=lambda wildcards, output: os.path.dirname(output.results),
    shell:
        "bnmatrix train --log {log:q} --spec {params.spec:q} --data {input.data:q}"
        " --threads {threads} --gpus {params.gpus} --folder {params.folder:q}"
