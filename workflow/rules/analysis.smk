rule aggregate:
    """Put the runs, histories and timings of a study's variants together."""
    input:
        runs=runs_of("runs.parquet"),
        history=runs_of("history.parquet"),
        timings=runs_of("timings.parquet"),
        machines=runs_of("machine.json"),
        data=data_of,
    output:
        runs="reports/{study}.csv",
        history="data/results/{study}/history.parquet",
        timings="data/results/{study}/timings.csv",
        provenance="data/results/{study}/provenance.json",
    log:
        "logs/aggregate/{study}.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code("tables.py", "results.py", "provenance.py"),
        config=CONFIG,
    shell:
        "python -m bnmatrix aggregate --config {params.config:q} --log {log:q}"
        " --study {wildcards.study:q} --folder data/runs --processed data/processed"
        " --runs {output.runs:q} --history {output.history:q} --timings {output.timings:q}"
        " --provenance {output.provenance:q}"


rule compare:
    """Summarize a study's variants, and compare each with its baseline in pairs."""
    input:
        runs="reports/{study}.csv",
    output:
        summary="data/results/{study}/summary.csv",
        comparisons="data/results/{study}/comparisons.csv",
    log:
        "logs/compare/{study}.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code("statistics/*.py", "tables.py"),
        config=CONFIG,
    shell:
        "python -m bnmatrix compare --config {params.config:q} --log {log:q}"
        " --study {wildcards.study:q} --runs {input.runs:q} --summary {output.summary:q}"
        " --comparisons {output.comparisons:q}"


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
        mem_mb=1000,
        runtime=10,
    params:
        code=code("tables.py"),
    shell:
        "python -m bnmatrix combine --log {log:q} --tables {input.tables:q}"
        " --timing-tables {input.timings:q} --provenances {input.provenances:q}"
        " --runs {output.runs:q} --timings {output.timings:q} --provenance {output.provenance:q}"
