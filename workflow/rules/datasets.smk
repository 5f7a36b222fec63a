rule download:
    """Get a data set's files from the mirror or the public hosts, and verify them."""
    output:
        # Beside it are the files; only preparation, on the same machine, wants them.
        local("data/raw/{dataset}/SHA256SUMS"),
    log:
        "logs/download/{dataset}.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=each_attempt(500),
        runtime=each_attempt(60),
    params:
        checksums=checksums,
        raw=lambda wildcards, output: os.path.dirname(output[0]),
        partial=lambda wildcards: f"data/partial/{wildcards.dataset}",
        config=CONFIG,
    shell:
        "python -m bnmatrix download --config {params.config:q} --log {log:q}"
        " --dataset {wildcards.dataset:q} --raw {params.raw:q} --partial {params.partial:q}"


rule prepare:
    """Read a data set and split it into training, validation and test parts."""
    input:
        raw=raw_files,
    output:
        "data/processed/{dataset}/{split}.npz",
    log:
        "logs/prepare/{dataset}/{split}.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=each_attempt(1500),
        runtime=each_attempt(10),
    params:
        code=code("datasets/loaders.py", "datasets/preparation.py"),
        own=reading_code,
        checksums=checksums,
        declared=lambda wildcards: declared(
            wildcards.dataset,
            "loader",
            "examples",
            "shape",
            "classes",
            "maximum",
            "test_split",
            "own",
            "fingerprint",
        ),
        validation=lambda wildcards: as_json(validation_splits(wildcards.dataset)[wildcards.split]),
        raw=lambda wildcards, input: (
            os.path.dirname(input.raw[0]) if input.raw else f"data/raw/{wildcards.dataset}"
        ),
        config=CONFIG,
    shell:
        "python -m bnmatrix prepare --config {params.config:q} --log {log:q}"
        " --dataset {wildcards.dataset:q} --validation {params.validation:q}"
        " --raw {params.raw:q} --output {output:q}"
