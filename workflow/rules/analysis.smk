JUDGE_CODE = code("claims.py", "registry.py", "units.py", "statistics/*.py", "tables.py")


rule aggregate:
    """Put the tables of a study's strips together."""
    input:
        results=runs_of("results.arrow"),
        times=runs_of("times.arrow"),
        data=data_of,
    output:
        runs="reports/{study}.csv",
        history="data/results/{study}/history.parquet",
        tuning="data/results/{study}/tuning.parquet",
        measurements="data/results/{study}/measurements.parquet",
        predictions="data/results/{study}/predictions.parquet",
        timings="data/results/{study}/timings.csv",
        step_times="data/results/{study}/step_times.parquet",
        provenance="data/results/{study}/provenance.json",
    log:
        "logs/aggregate/{study}.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=each_attempt(1000),
        runtime=each_attempt(10),
    params:
        code=code("tables.py", "results.py", "packing.py", "provenance.py"),
        results=lambda wildcards, output: os.path.dirname(output.history),
        folder=lambda wildcards, input: str(Path(input.results[0]).parents[2]),
        processed=lambda wildcards, input: str(Path(input.data[0]).parents[1]),
        config=CONFIG,
    shell:
        "python -m bnmatrix aggregate --config {params.config:q} --log {log:q}"
        " --study {wildcards.study:q} --folder {params.folder:q} --processed {params.processed:q}"
        " --runs {output.runs:q} --results {params.results:q}"


rule compare:
    """Summarize a study's variants, compare each with its baseline, and see what is confused."""
    input:
        runs="reports/{study}.csv",
        predictions="data/results/{study}/predictions.parquet",
    output:
        summary="data/results/{study}/summary.csv",
        comparisons="data/results/{study}/comparisons.csv",
        confusion="data/results/{study}/confusion.csv",
        confused="data/results/{study}/confused.csv",
        frameworks="data/results/{study}/frameworks.csv",
    log:
        "logs/compare/{study}.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=each_attempt(1000),
        runtime=each_attempt(10),
    params:
        code=code("statistics/*.py", "tables.py"),
        margin=lambda wildcards: PROJECT.dataset_of(wildcards.study).margin,
        config=CONFIG,
    shell:
        "python -m bnmatrix compare --config {params.config:q} --log {log:q}"
        " --study {wildcards.study:q} --runs {input.runs:q} --summary {output.summary:q}"
        " --comparisons {output.comparisons:q} --predictions {input.predictions:q}"
        " --examples 18 --confusion {output.confusion:q} --confused {output.confused:q}"
        " --frameworks {output.frameworks:q}"


rule combine:
    """Put the tables of all studies together."""
    input:
        tables=expand("reports/{study}.csv", study=STUDIES),
        timings=expand("data/results/{study}/timings.csv", study=STUDIES),
        provenances=expand("data/results/{study}/provenance.json", study=STUDIES),
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
        mem_mb=each_attempt(1000),
        runtime=each_attempt(10),
    params:
        code=code("tables.py"),
    shell:
        "python -m bnmatrix combine --log {log:q} --tables {input.tables:q}"
        " --timing-tables {input.timings:q} --provenances {input.provenances:q}"
        " --runs {output.runs:q} --timings {output.timings:q} --provenance {output.provenance:q}"


rule judge_study:
    """Judge the claims on a study of one's own data alone, for its page."""
    input:
        runs="reports/{study}.csv",
        tables=lambda wildcards: tables_of([wildcards.study]),
    output:
        claims="data/results/{study}/claims.csv",
    log:
        "logs/judge_study/{study}.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=each_attempt(1000),
        runtime=each_attempt(10),
    params:
        code=JUDGE_CODE,
        declared=CLAIMS_DECLARED,
        root=lambda wildcards, output: str(Path(output.claims).parents[3]),
        config=CONFIG,
    shell:
        "python -m bnmatrix judge-study --config {params.config:q} --log {log:q}"
        " --study {wildcards.study:q} --results {params.root:q} --output {output.claims:q}"


rule judge:
    """Judge the claims, and set replications beside what was published."""
    input:
        runs=expand("reports/{study}.csv", study=CLAIM_STUDIES),
        tables=tables_of(CLAIM_STUDIES),
    output:
        claims=report(
            "reports/claims.csv",
            caption="../report/claims.rst",
            category="Claims",
            labels={"content": "table of verdicts"},
        ),
        timing="reports/claims-timing.csv",
        replications="reports/replications.csv",
        analyses="data/results/claims/analyses.csv",
        pairs="data/results/claims/pairs.parquet",
        timed_pairs="data/results/claims/pairs-timing.parquet",
        timed_replications="data/results/claims/replications-timing.csv",
    log:
        "logs/judge.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=each_attempt(2000),
        runtime=each_attempt(20),
    params:
        code=JUDGE_CODE,
        declared=CLAIMS_DECLARED,
        studies=as_json(CLAIM_STUDIES),
        root=lambda wildcards, output: str(Path(output.claims).parents[1]),
        config=CONFIG,
    shell:
        "python -m bnmatrix judge --config {params.config:q} --log {log:q}"
        " --studies {params.studies:q} --results {params.root:q}"
