rule aggregate:
    """Combine the tables of a study's jobs."""
    input:
        results=runs_of("results.arrow"),
        times=runs_of("times.arrow"),
        data=data_of,
    output:
        runs="reports/{study}.csv",
        history="data/results/{study}/history.parquet",
        tuning="data/results/{study}/tuning.parquet",
        measurements="data/results/{study}/measurements.parquet",
        correctness="data/results/{study}/correctness.parquet",
        predictions="data/results/{study}/predictions.parquet",
        timings="data/results/{study}/timings.csv",
        step_times="data/results/{study}/step_times.parquet",
        provenance="data/results/{study}/provenance.json",
    log:
        "logs/aggregate/{study}.log",
    priority: BEFORE_TRAINING
    conda:
        "../../environment.yml"
    resources:
        mem_mb=memory_for("aggregate"),
        runtime=minutes_for("aggregate"),
    params:
        code=code_of("aggregate"),
        replicates=lambda wildcards: PLAN.project.replicates_of(wildcards.study),
        codes=lambda wildcards: as_json(PLAN.training_codes(wildcards.study)),
        declared=declared,
        results=lambda wildcards, output: os.path.dirname(output.history),
        folder=lambda wildcards, input: str(Path(input.results[0]).parents[3]),
        processed=lambda wildcards, input: str(Path(input.data[0]).parents[1]),
        config=PLAN.config,
    shell:
        "bnmatrix aggregate --config {params.config:q} --log {log:q}"
        " --study {wildcards.study:q} --replicates {params.replicates} --codes {params.codes:q}"
        " --folder {params.folder:q} --processed {params.processed:q}"
        " --runs {output.runs:q} --results {params.results:q}"


rule compare:
    """Summarize a study's variants, and compare them with their baselines."""
    input:
        runs="reports/{study}.csv",
        history="data/results/{study}/history.parquet",
        correctness="data/results/{study}/correctness.parquet",
        measurements="data/results/{study}/measurements.parquet",
    output:
        summary="data/results/{study}/summary.csv",
        comparisons="data/results/{study}/comparisons.csv",
        recalls="data/results/{study}/recalls.csv",
        frameworks="data/results/{study}/frameworks.csv",
    log:
        "logs/compare/{study}.log",
    priority: BEFORE_TRAINING
    conda:
        "../../environment.yml"
    resources:
        mem_mb=memory_for("compare"),
        runtime=minutes_for("compare"),
    params:
        code=code_of("compare"),
        declared=declared,
        results=lambda wildcards, output: os.path.dirname(output.summary),
        config=PLAN.config,
    shell:
        "bnmatrix compare --config {params.config:q} --log {log:q}"
        " --study {wildcards.study:q} --runs {input.runs:q} --results {params.results:q}"


rule confuse:
    """Count what a study's best variant confuses, and take the pictures of its errors."""
    input:
        summary="data/results/{study}/summary.csv",
        predictions="data/results/{study}/predictions.parquet",
        prepared=data_of,
    output:
        confusion="data/results/{study}/confusion.csv",
        confused="data/results/{study}/confused.csv",
        pictures="data/results/{study}/pictures.npy",
    log:
        "logs/confuse/{study}.log",
    priority: BEFORE_TRAINING
    conda:
        "../../environment.yml"
    resources:
        mem_mb=memory_for("confuse"),
        runtime=minutes_for("confuse"),
    params:
        code=code_of("confuse"),
        declared=declared,
        results=lambda wildcards, output: os.path.dirname(output.confusion),
        config=PLAN.config,
    shell:
        "bnmatrix confuse --config {params.config:q} --log {log:q}"
        " --study {wildcards.study:q} --results {params.results:q} --prepared {input.prepared:q}"


rule combine:
    """Combine the tables of all studies."""
    input:
        tables=expand("reports/{study}.csv", study=PLAN.studies),
        timings=expand("data/results/{study}/timings.csv", study=PLAN.studies),
        provenances=expand("data/results/{study}/provenance.json", study=PLAN.studies),
    output:
        runs=report(
            "reports/runs.csv",
            caption="../report/runs.rst",
            category="All studies",
            labels={"content": "table of runs"},
        ),
        timings="reports/timings.csv",
        provenance="reports/provenance.json",
    log:
        "logs/combine.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=memory_for("combine", PLAN.studies),
        runtime=minutes_for("combine", PLAN.studies),
    params:
        code=code_of("combine"),
        reports=lambda wildcards, output: os.path.dirname(output.runs),
    shell:
        "bnmatrix combine --log {log:q} --tables {input.tables:q}"
        " --timing-tables {input.timings:q} --provenances {input.provenances:q}"
        " --reports {params.reports:q}"


rule variance:
    """Compute where the spread of test accuracies comes from."""
    input:
        runs=expand("reports/{study}.csv", study=PLAN.variance_studies),
        correctness=expand("data/results/{study}/correctness.parquet", study=PLAN.variance_studies),
    output:
        "reports/variance.csv",
    log:
        "logs/variance.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=memory_for("variance", PLAN.variance_studies),
        runtime=minutes_for("variance", PLAN.variance_studies),
    params:
        code=code_of("variance"),
        declared=PLAN.declared(PLAN.variance_studies),
        studies=as_json(PLAN.variance_studies),
        root=lambda wildcards, output: str(Path(output[0]).parents[1]),
        config=PLAN.config,
    shell:
        "bnmatrix variance --config {params.config:q} --log {log:q}"
        " --studies {params.studies:q} --results {params.root:q}"


rule judge_study:
    """Judge the claims on a single study of a user's own data, for the page of the study."""
    input:
        runs="reports/{study}.csv",
        tables=lambda wildcards: tables_of([wildcards.study]),
    output:
        claims="data/results/{study}/claims.csv",
    log:
        "logs/judge_study/{study}.log",
    priority: BEFORE_TRAINING
    conda:
        "../../environment.yml"
    resources:
        mem_mb=memory_for("judge_study"),
        runtime=minutes_for("judge_study"),
    params:
        code=code_of("judge_study"),
        declared=PLAN.declared_claims,
        root=lambda wildcards, output: str(Path(output.claims).parents[3]),
        config=PLAN.config,
    shell:
        "bnmatrix judge-study --config {params.config:q} --log {log:q}"
        " --study {wildcards.study:q} --results {params.root:q} --output {output.claims:q}"


rule judge:
    """Judge the claims, and compare replications with published results."""
    input:
        runs=expand("reports/{study}.csv", study=PLAN.claim_studies),
        tables=tables_of(PLAN.claim_studies),
    output:
        claims=report(
            "reports/claims.csv",
            caption="../report/claims.rst",
            category="Claims",
            labels={"content": "table of verdicts"},
        ),
        timing="reports/claims-timing.csv",
        effects="reports/effects.csv",
        replications="reports/replications.csv",
        analyses="data/results/claims/analyses.csv",
        pairs="data/results/claims/pairs.parquet",
        timed_pairs="data/results/claims/pairs-timing.parquet",
        timed_replications="data/results/claims/replications-timing.csv",
    log:
        "logs/judge.log",
    priority: BEFORE_TRAINING  # the page of the claims waits for it
    conda:
        "../../environment.yml"
    resources:
        mem_mb=memory_for("judge", PLAN.claim_studies),
        runtime=minutes_for("judge", PLAN.claim_studies),
    params:
        code=code_of("judge"),
        declared=PLAN.declared_claims,
        studies=as_json(PLAN.claim_studies),
        root=lambda wildcards, output: str(Path(output.claims).parents[1]),
        config=PLAN.config,
    shell:
        "bnmatrix judge --config {params.config:q} --log {log:q}"
        " --studies {params.studies:q} --results {params.root:q}"
