rule download:
    """Download a data set's files from the mirror or the public hosts, and verify them."""
    output:
        # The downloaded files are in the same folder. Only rule prepare reads them, on the same
        # machine.
        local("data/raw/{dataset}/SHA256SUMS"),
    log:
        "logs/download/{dataset}.log",
    priority: BEFORE_TRAINING
    conda:
        "../../environment.yml"
    resources:
        mem_mb=each_attempt(500),
        runtime=each_attempt(60),
    params:
        # The code is no param: verified files do not depend on it.
        config=as_json({"datasets_file": PLAN.project.run.datasets_file, "claims_file": None}),
        checksums=checksums,
        raw=lambda wildcards, output: os.path.dirname(output[0]),
        partial=lambda wildcards: f"data/partial/{wildcards.dataset}",
    shell:
        "bnmatrix download --config {params.config:q} --log {log:q}"
        " --dataset {wildcards.dataset:q} --raw {params.raw:q} --partial {params.partial:q}"


rule prepare:
    """Read a data set and split it into training, validation and test parts."""
    input:
        raw=raw_files,
    output:
        "data/processed/{dataset}/{split}.npz",
    log:
        "logs/prepare/{dataset}/{split}.log",
    priority: BEFORE_TRAINING
    conda:
        "../../environment.yml"
    resources:
        mem_mb=each_attempt(1500),
        runtime=each_attempt(10),
    params:
        code=lambda wildcards: fingerprint(preparation_of(wildcards).stage),
        spec=lambda wildcards: as_json(preparation_of(wildcards).model_dump(mode="json")),
        raw=lambda wildcards, input: (
            os.path.dirname(input.raw[0]) if input.raw else f"data/raw/{wildcards.dataset}"
        ),
    shell:
        "bnmatrix prepare --log {log:q} --spec {params.spec:q}"
        " --raw {params.raw:q} --output {output:q}"
