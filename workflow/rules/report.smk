rule plot:
    """Draw a study's figures."""
    input:
        runs="reports/{study}.csv",
        history="data/results/{study}/history.parquet",
        summary="data/results/{study}/summary.csv",
        comparisons="data/results/{study}/comparisons.csv",
    output:
        curves=report(
            "reports/figures/{study}/learning-curves.svg",
            caption="../report/learning-curves.rst",
            category="{study}",
            labels={"content": "learning curves"},
        ),
        accuracy=report(
            "reports/figures/{study}/accuracy.svg",
            caption="../report/accuracy.rst",
            category="{study}",
            labels={"content": "accuracy against batch size"},
        ),
        differences=report(
            "reports/figures/{study}/differences.svg",
            caption="../report/differences.rst",
            category="{study}",
            labels={"content": "paired differences"},
        ),
    log:
        "logs/plot/{study}.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code("report/figures.py", "report/labels.py", "units.py"),
        folder=lambda wildcards, output: os.path.dirname(output.curves),
        source=lambda wildcards: as_json(
            PROJECT.study(wildcards.study).model_dump(include={"source"})
        ),
        config=CONFIG,
    shell:
        "python -m bnmatrix plot --config {params.config:q} --log {log:q}"
        " --study {wildcards.study:q} --runs {input.runs:q} --history {input.history:q}"
        " --summary {input.summary:q} --comparisons {input.comparisons:q}"
        " --output {params.folder:q}"


PAGE_CODE = code("report/*.py", "report/templates/*", "units.py")


rule page:
    """Render the page of a study."""
    input:
        summary="data/results/{study}/summary.csv",
        comparisons="data/results/{study}/comparisons.csv",
        timings="data/results/{study}/timings.csv",
        provenance="data/results/{study}/provenance.json",
        figures=rules.plot.output,
    output:
        report(
            "reports/{study}.html",
            caption="../report/study.rst",
            category="{study}",
            labels={"content": "page"},
        ),
    log:
        "logs/page/{study}.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=500,
        runtime=10,
    params:
        code=PAGE_CODE,
        study=lambda wildcards: PROJECT.study(wildcards.study).model_dump_json(),
        dataset=lambda wildcards: PROJECT.dataset_of(wildcards.study).model_dump_json(),
        config=CONFIG,
    shell:
        "python -m bnmatrix page --config {params.config:q} --log {log:q}"
        " --study {wildcards.study:q} --results . --output {output:q}"


rule plot_claims:
    """Draw what was measured for each claim, and the tuning of learning rates."""
    input:
        runs=expand("reports/{study}.csv", study=CLAIM_STUDIES),
        tables=tables_of(CLAIM_STUDIES),
    output:
        claims=report(
            expand("reports/figures/claims/{claim}.svg", claim=PLOTTED_CLAIMS),
            caption="../report/claims.rst",
            category="Claims",
        ),
        tuning=expand("reports/figures/claims/tuning-{study}.svg", study=TUNED_STUDIES),
    log:
        "logs/plot_claims.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        code=code(
            "report/claim_figures.py",
            "report/figures.py",
            "report/labels.py",
            "statistics/endpoints.py",
            "registry.py",
            "units.py",
        ),
        declared=CLAIMS_DECLARED,
        studies=as_json(CLAIM_STUDIES),
        folder="reports/figures/claims",
        config=CONFIG,
    shell:
        "python -m bnmatrix plot-claims --config {params.config:q} --log {log:q}"
        " --studies {params.studies:q} --results data/results --output {params.folder:q}"


rule claims_page:
    """Render the page of the claims, and that of the replications."""
    input:
        claims="reports/claims.csv",
        timing="reports/claims-timing.csv",
        replications="reports/replications.csv",
        analyses="data/results/claims/analyses.csv",
        timed_replications="data/results/claims/replications-timing.csv",
        tuning=expand("data/results/{study}/tuning.parquet", study=TUNED_STUDIES),
        figures=rules.plot_claims.output,
    output:
        report(
            "reports/claims.html",
            caption="../report/claims.rst",
            category="Claims",
            labels={"content": "page"},
        ),
        "reports/replications.html",
    log:
        "logs/claims_page.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=PAGE_CODE,
        declared=CLAIMS_DECLARED,
        studies=as_json(CLAIM_STUDIES),
        config=CONFIG,
    shell:
        "python -m bnmatrix claims-page --config {params.config:q} --log {log:q}"
        " --studies {params.studies:q} --results . --output {output[0]:q}"


rule overview:
    """Render the overview of all studies, and of those that were left out."""
    input:
        summaries=expand("data/results/{study}/summary.csv", study=MATRIX),
        comparisons=expand("data/results/{study}/comparisons.csv", study=MATRIX),
        claims="reports/claims.csv" if CLAIM_STUDIES else [],
        provenance="reports/provenance.json",
    output:
        report(
            "reports/index.html",
            caption="../report/overview.rst",
            category="All studies",
            labels={"content": "overview"},
        ),
    log:
        "logs/overview.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=500,
        runtime=10,
    params:
        code=PAGE_CODE,
        studies=as_json(MATRIX),
        left_out=as_json(LEFT_OUT),
        claims=as_json(bool(CLAIM_STUDIES)),
        asked=len(PROJECT.chosen),
        declared=as_json({name: PROJECT.study(name).title for name in STUDIES}),
        config=CONFIG,
    shell:
        "python -m bnmatrix overview --config {params.config:q} --log {log:q}"
        " --studies {params.studies:q} --left-out {params.left_out:q} --claims {params.claims:q}"
        " --asked {params.asked}"
        " --results . --output {output:q}"
