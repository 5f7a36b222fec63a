FIGURE_CODE = code(
    "report/figures.py",
    "report/drawing.py",
    "report/labels.py",
    "registry.py",
    "tables.py",
    "units.py",
    "variants.py",
)


rule plot:
    """Draw a study's figures, as SVG and PDF with their data as CSV."""
    input:
        runs="reports/{study}.csv",
        history="data/results/{study}/history.parquet",
        summary="data/results/{study}/summary.csv",
        comparisons="data/results/{study}/comparisons.csv",
        confusion="data/results/{study}/confusion.csv",
        confused="data/results/{study}/confused.csv",
        prepared=data_of,
    output:
        *[figure("{study}", name, content) for name, content in FIGURES.items()],
        files=expand("reports/figures/{{study}}/{name}.{kind}", name=FIGURES, kind=["pdf", "csv"]),
    log:
        "logs/plot/{study}.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=each_attempt(1000),
        runtime=each_attempt(10),
    params:
        code=FIGURE_CODE,
        results=lambda wildcards, input: os.path.dirname(input.history),
        folder=lambda wildcards, output: os.path.dirname(output.files[0]),
        source=lambda wildcards: as_json(
            PROJECT.study(wildcards.study).model_dump(include={"source"})
        ),
        config=CONFIG,
    shell:
        "python -m bnmatrix plot --config {params.config:q} --log {log:q}"
        " --study {wildcards.study:q} --runs {input.runs:q} --results {params.results:q}"
        " --prepared {input.prepared:q} --output {params.folder:q}"


rule plot_time:
    """Draw test accuracy against the time that training took, which differs from run to run."""
    input:
        runs="reports/{study}.csv",
        timings="data/results/{study}/timings.csv",
    output:
        figure=figure("{study}", "time", "accuracy against time"),
        files=expand("reports/figures/{{study}}/time.{kind}", kind=["pdf", "csv"]),
    log:
        "logs/plot_time/{study}.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=each_attempt(1000),
        runtime=each_attempt(10),
    params:
        code=FIGURE_CODE,
    shell:
        "python -m bnmatrix plot-time --log {log:q} --runs {input.runs:q}"
        " --timings {input.timings:q} --output {output.figure:q}"


PAGE_CODE = code(
    "report/*.py",
    "report/templates/*",
    "report/assets/*",
    "report/assets/vendor/*",
    "registry.py",
    "tables.py",
    "units.py",
    "variants.py",
    "worked_example.py",
)

# What pages say of studies and data sets beside their results.
WORDS = digest(
    as_json(
        [
            {
                name: PROJECT.study(name).model_dump(include={"title", "question", "tuning"})
                for name in STUDIES
            },
            {name: dataset.title for name, dataset in PROJECT.datasets.items()},
            CLAIMS_DECLARED,
        ]
    ).encode()
)

# The pages that every page links to.
LINKS = as_json(
    ["index", "explorer", "theory", *(["claims", "replications"] if CLAIM_STUDIES else [])]
)


rule page:
    """Render the page of a study."""
    input:
        summary="data/results/{study}/summary.csv",
        comparisons="data/results/{study}/comparisons.csv",
        timings="data/results/{study}/timings.csv",
        provenance="data/results/{study}/provenance.json",
        confusion="data/results/{study}/confusion.csv",
        frameworks="data/results/{study}/frameworks.csv",
        claims=own_verdicts,
        figures=rules.plot.output,
        time=rules.plot_time.output,
    output:
        page=report(
            "reports/{study}.html",
            caption="../report/study.rst",
            category="{study}",
            labels={"content": "page"},
        ),
        latex="reports/{study}.tex",
    log:
        "logs/page/{study}.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=each_attempt(500),
        runtime=each_attempt(10),
    params:
        code=PAGE_CODE,
        links=LINKS,
        study=lambda wildcards: PROJECT.study(wildcards.study).model_dump_json(),
        dataset=lambda wildcards: PROJECT.dataset_of(wildcards.study).model_dump_json(),
        root=lambda wildcards, input: str(Path(input.summary).parents[3]),
        claims=lambda wildcards, input: as_json(bool(input.claims)),
        config=CONFIG,
    shell:
        "python -m bnmatrix page --config {params.config:q} --log {log:q}"
        " --study {wildcards.study:q} --links {params.links:q} --results {params.root:q} --output {output.page:q}"
        " --claims {params.claims:q}"


rule plot_claims:
    """Draw what was measured for each claim, and the tuning of learning rates."""
    input:
        runs=expand("reports/{study}.csv", study=CLAIM_STUDIES),
        tables=tables_of(CLAIM_STUDIES),
    output:
        *[
            figure("claims", name, PROJECT.claims[name].title, caption="claims")
            for name in PLOTTED_CLAIMS
        ],
        *[
            figure("claims", f"tuning-{study}", f"tuning: {PROJECT.study(study).title}", "claims")
            for study in TUNED_STUDIES
        ],
        files=expand(
            "reports/figures/claims/{name}.{kind}",
            name=[*PLOTTED_CLAIMS, *(f"tuning-{study}" for study in TUNED_STUDIES)],
            kind=["pdf", "csv"],
        ),
    log:
        "logs/plot_claims.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=each_attempt(2000),
        runtime=each_attempt(20),
    params:
        code=code(
            "report/claim_figures.py",
            "statistics/endpoints.py",
            "report/drawing.py",
            "report/labels.py",
            "registry.py",
            "tables.py",
            "units.py",
            "variants.py",
        ),
        declared=WORDS,
        studies=as_json(CLAIM_STUDIES),
        root=lambda wildcards, input: str(Path(input.runs[0]).parents[1]),
        folder=lambda wildcards, output: os.path.dirname(output.files[0]),
        config=CONFIG,
    shell:
        "python -m bnmatrix plot-claims --config {params.config:q} --log {log:q}"
        " --studies {params.studies:q} --results {params.root:q} --output {params.folder:q}"


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
        page=report(
            "reports/claims.html",
            caption="../report/claims.rst",
            category="Claims",
            labels={"content": "page"},
        ),
        replications="reports/replications.html",
        latex="reports/claims.tex",
    log:
        "logs/claims_page.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=each_attempt(1000),
        runtime=each_attempt(10),
    params:
        code=PAGE_CODE,
        links=LINKS,
        declared=WORDS,
        studies=as_json(CLAIM_STUDIES),
        root=lambda wildcards, input: str(Path(input.claims).parents[1]),
        config=CONFIG,
    shell:
        "python -m bnmatrix claims-page --config {params.config:q} --log {log:q}"
        " --studies {params.studies:q} --links {params.links:q} --results {params.root:q}"
        " --output {output.page:q}"


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
        mem_mb=each_attempt(500),
        runtime=each_attempt(10),
    params:
        code=PAGE_CODE,
        links=LINKS,
        studies=as_json(MATRIX),
        left_out=as_json(LEFT_OUT),
        claims=as_json(bool(CLAIM_STUDIES)),
        asked=ASKED,
        declared=WORDS,
        root=lambda wildcards, input: str(Path(input.provenance).parents[1]),
        config=CONFIG,
    shell:
        "python -m bnmatrix overview --config {params.config:q} --log {log:q}"
        " --studies {params.studies:q} --left-out {params.left_out:q} --claims {params.claims:q}"
        " --asked {params.asked} --links {params.links:q} --results {params.root:q} --output {output:q}"


rule explorer:
    """Render the page on which studies, normalizations and batch sizes are set side by side."""
    input:
        history=expand("data/results/{study}/history.parquet", study=MATRIX),
    output:
        report(
            "reports/explorer.html",
            caption="../report/explorer.rst",
            category="All studies",
            labels={"content": "explorer"},
        ),
    log:
        "logs/explorer.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=each_attempt(1000),
        runtime=each_attempt(10),
    params:
        code=PAGE_CODE,
        links=LINKS,
        declared=WORDS,
        studies=as_json(MATRIX),
        root=lambda wildcards, output: str(Path(output[0]).parents[1]),
        config=CONFIG,
    shell:
        "python -m bnmatrix explorer --config {params.config:q} --log {log:q}"
        " --studies {params.studies:q} --links {params.links:q} --results {params.root:q} --output {output:q}"


rule theory:
    """Render the page that explains batch normalization, with the verdicts on what it says."""
    input:
        claims="reports/claims.csv" if CLAIM_STUDIES else [],
    output:
        report(
            "reports/theory.html",
            caption="../report/theory.rst",
            category="All studies",
            labels={"content": "theory"},
        ),
    log:
        "logs/theory.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=each_attempt(500),
        runtime=each_attempt(10),
    params:
        code=PAGE_CODE,
        links=LINKS,
        declared=WORDS,
        claims=as_json(bool(CLAIM_STUDIES)),
        root=lambda wildcards, output: str(Path(output[0]).parents[1]),
        config=CONFIG,
    shell:
        "python -m bnmatrix theory --config {params.config:q} --log {log:q}"
        " --claims {params.claims:q} --links {params.links:q} --results {params.root:q} --output {output:q}"
