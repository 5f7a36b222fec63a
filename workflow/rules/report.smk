# The figures of a study, with their names in Snakemake's own report.
FIGURES = {
    "differences": "paired differences",
    "accuracy": "accuracy against batch size",
    "learning-curves": "learning curves",
    "gap": "generalization gap",
    "confusion": "confusion matrix",
    "confused": "most confused examples",
}


rule plot:
    """Draw the figures of a study as SVG and PDF, and write their data as CSV."""
    input:
        runs="reports/{study}.csv",
        history="data/results/{study}/history.parquet",
        summary="data/results/{study}/summary.csv",
        comparisons="data/results/{study}/comparisons.csv",
        confusion="data/results/{study}/confusion.csv",
        confused="data/results/{study}/confused.csv",
        pictures="data/results/{study}/pictures.npy",
    output:
        *[figure("{study}", name, content) for name, content in FIGURES.items()],
        files=expand("reports/figures/{{study}}/{name}.{kind}", name=FIGURES, kind=["pdf", "csv"]),
    log:
        "logs/plot/{study}.log",
    priority: BEFORE_TRAINING
    conda:
        "../../environment.yml"
    resources:
        mem_mb=memory_for("plot"),
        runtime=minutes_for("plot"),
    params:
        code=code_of("plot"),
        results=lambda wildcards, input: os.path.dirname(input.history),
        folder=lambda wildcards, output: os.path.dirname(output.files[0]),
        declared=declared,
        config=PLAN.config,
    shell:
        "bnmatrix plot --config {params.config:q} --log {log:q}"
        " --study {wildcards.study:q} --runs {input.runs:q} --results {params.results:q}"
        " --output {params.folder:q}"


rule plot_time:
    """Draw test accuracy against training time, which differs from run to run."""
    input:
        runs="reports/{study}.csv",
        timings="data/results/{study}/timings.csv",
    output:
        figure=figure("{study}", "time", "accuracy against time"),
        files=expand("reports/figures/{{study}}/time.{kind}", kind=["pdf", "csv"]),
    log:
        "logs/plot_time/{study}.log",
    priority: BEFORE_TRAINING
    conda:
        "../../environment.yml"
    resources:
        mem_mb=memory_for("plot_time"),
        runtime=minutes_for("plot_time"),
    params:
        code=code_of("plot_time"),
        declared=declared,
        config=PLAN.config,
    shell:
        "bnmatrix plot-time --config {params.config:q} --log {log:q}"
        " --study {wildcards.study:q} --runs {input.runs:q}"
        " --timings {input.timings:q} --output {output.figure:q}"


rule page:
    """Render the page of a study."""
    input:
        summary="data/results/{study}/summary.csv",
        comparisons="data/results/{study}/comparisons.csv",
        timings="data/results/{study}/timings.csv",
        provenance="data/results/{study}/provenance.json",
        confusion="data/results/{study}/confusion.csv",
        frameworks="data/results/{study}/frameworks.csv",
        recalls="data/results/{study}/recalls.csv",
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
    priority: BEFORE_TRAINING
    conda:
        "../../environment.yml"
    resources:
        mem_mb=memory_for("page"),
        runtime=minutes_for("page"),
    params:
        code=code_of("page"),
        links=lambda wildcards: as_json(PLAN.links_of(wildcards.study)),
        declared=declared,
        root=lambda wildcards, input: str(Path(input.summary).parents[3]),
        claims=lambda wildcards, input: as_json(bool(input.claims)),
        config=PLAN.config,
    shell:
        "bnmatrix page --config {params.config:q} --log {log:q}"
        " --study {wildcards.study:q} --links {params.links:q} --results {params.root:q} --output {output.page:q}"
        " --claims {params.claims:q}"


rule plot_claims:
    """Draw the figures of claims."""
    input:
        runs=expand("reports/{study}.csv", study=PLAN.claim_studies),
        tables=tables_of(PLAN.claim_studies),
    output:
        *[
            figure("claims", name, PLAN.project.claims[name].title, caption="claims")
            for name in PLAN.plotted_claims
        ],
        files=expand(
            "reports/figures/claims/{name}.{kind}",
            name=PLAN.plotted_claims,
            kind=["pdf", "csv"],
        ),
    log:
        "logs/plot_claims.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=memory_for("plot_claims", PLAN.claim_studies),
        runtime=minutes_for("plot_claims", PLAN.claim_studies),
    params:
        code=code_of("plot_claims"),
        declared=PLAN.declared_claims,
        studies=as_json(PLAN.claim_studies),
        root=lambda wildcards, input: str(Path(input.runs[0]).parents[1]),
        folder=lambda wildcards, output: os.path.dirname(output.files[0]),
        config=PLAN.config,
    shell:
        "bnmatrix plot-claims --config {params.config:q} --log {log:q}"
        " --studies {params.studies:q} --results {params.root:q} --output {params.folder:q}"


rule plot_tuning:
    """Draw the figures of how learning rates were tuned."""
    input:
        tables=expand("data/results/{study}/tuning.parquet", study=PLAN.tuned_studies),
    output:
        *[
            figure(
                "claims", f"tuning-{study}", f"tuning: {PLAN.project.study(study).title}", "claims"
            )
            for study in PLAN.tuned_studies
        ],
        files=expand(
            "reports/figures/claims/tuning-{study}.{kind}",
            study=PLAN.tuned_studies,
            kind=["pdf", "csv"],
        ),
    log:
        "logs/plot_tuning.log",
    priority: 1  # takes longer than plot_claims
    conda:
        "../../environment.yml"
    resources:
        mem_mb=memory_for("plot_tuning", PLAN.tuned_studies),
        runtime=minutes_for("plot_tuning", PLAN.tuned_studies),
    params:
        code=code_of("plot_tuning"),
        declared=PLAN.declared(PLAN.tuned_studies),
        studies=as_json(PLAN.tuned_studies),
        root=lambda wildcards, input: str(Path(input.tables[0]).parents[3]),
        folder=lambda wildcards, output: os.path.dirname(output.files[0]),
        config=PLAN.config,
    shell:
        "bnmatrix plot-tuning --config {params.config:q} --log {log:q}"
        " --studies {params.studies:q} --results {params.root:q} --output {params.folder:q}"


rule claims_page:
    """Render the page of the claims and the page of the replications."""
    input:
        claims="reports/claims.csv",
        timing="reports/claims-timing.csv",
        replications="reports/replications.csv",
        analyses="data/results/claims/analyses.csv",
        pairs="data/results/claims/pairs.parquet",
        timed_replications="data/results/claims/replications-timing.csv",
        tuning=expand("data/results/{study}/tuning.parquet", study=PLAN.tuned_studies),
        figures=[*rules.plot_claims.output, *rules.plot_tuning.output],
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
        mem_mb=memory_for("claims_page", PLAN.claim_studies),
        runtime=minutes_for("claims_page", PLAN.claim_studies),
    params:
        code=code_of("claims_page"),
        links=as_json(PLAN.pages),
        declared=PLAN.declared_claims,
        studies=as_json(PLAN.claim_studies),
        root=lambda wildcards, input: str(Path(input.claims).parents[1]),
        config=PLAN.config,
    shell:
        "bnmatrix claims-page --config {params.config:q} --log {log:q}"
        " --studies {params.studies:q} --links {params.links:q} --results {params.root:q}"
        " --output {output.page:q}"


rule variance_page:
    """Draw the sources of variance, and render their page."""
    input:
        table="reports/variance.csv",
    output:
        figure("variance", "sources", "sources of variance", caption="variance"),
        page=report(
            "reports/variance.html",
            caption="../report/variance.rst",
            category="All studies",
            labels={"content": "variance"},
        ),
        files=expand("reports/figures/variance/sources.{kind}", kind=["pdf", "csv"]),
    log:
        "logs/variance_page.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=memory_for("variance_page", PLAN.variance_studies),
        runtime=minutes_for("variance_page", PLAN.variance_studies),
    params:
        code=code_of("variance_page"),
        links=as_json(PLAN.pages),
        declared=PLAN.declared(PLAN.variance_studies),
        root=lambda wildcards, input: str(Path(input.table).parents[1]),
        config=PLAN.config,
    shell:
        "bnmatrix variance-page --config {params.config:q} --log {log:q}"
        " --links {params.links:q} --results {params.root:q} --output {output.page:q}"


rule overview:
    """Render the overview of all studies, including those that were left out."""
    input:
        summaries=expand("data/results/{study}/summary.csv", study=PLAN.matrix),
        comparisons=expand("data/results/{study}/comparisons.csv", study=PLAN.matrix),
        claims=(
            [
                "reports/claims.csv",
                "reports/effects.csv",
                "data/results/claims/analyses.csv",
            ]
            if PLAN.claim_studies
            else []
        ),
        provenance="reports/provenance.json",
    output:
        *(
            [figure("answer", "batch-size", "effect by batch size", caption="answer")]
            if PLAN.answers
            else []
        ),
        files=(
            [
                f"reports/figures/answer/batch-size{ending}"
                for ending in (
                    ".pdf",
                    ".csv",
                    "-dark.svg",
                    *(f"-narrow.{k}" for k in ("svg", "pdf", "csv")),
                )
            ]
            if PLAN.answers
            else []
        ),
        text="reports/answer.md",
        page=report(
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
        mem_mb=memory_for("overview", PLAN.studies),
        runtime=minutes_for("overview", PLAN.studies),
    params:
        code=code_of("overview"),
        links=as_json(PLAN.pages),
        studies=as_json(PLAN.matrix),
        not_run=as_json(PLAN.not_run),
        asked=PLAN.asked,
        network_helps=as_json(PLAN.network_helps),
        claims=as_json(bool(PLAN.claim_studies)),
        declared=PLAN.declared_claims,
        root=lambda wildcards, input: str(Path(input.provenance).parents[1]),
        config=PLAN.config,
    shell:
        "bnmatrix overview --config {params.config:q} --log {log:q}"
        " --studies {params.studies:q} --not-run {params.not_run:q} --asked {params.asked} --claims {params.claims:q}"
        " --network-helps {params.network_helps}"
        " --links {params.links:q} --results {params.root:q} --output {output.page:q}"


rule explorer:
    """Render the page on which readers choose and compare learning curves."""
    input:
        history=expand("data/results/{study}/history.parquet", study=PLAN.studies),
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
        mem_mb=memory_for("explorer", PLAN.studies),
        runtime=minutes_for("explorer", PLAN.studies),
    params:
        code=code_of("explorer"),
        links=as_json(PLAN.pages),
        declared=PLAN.declared_claims,
        studies=as_json(PLAN.studies),
        root=lambda wildcards, output: str(Path(output[0]).parents[1]),
        config=PLAN.config,
    shell:
        "bnmatrix explorer --config {params.config:q} --log {log:q}"
        " --studies {params.studies:q} --links {params.links:q} --results {params.root:q} --output {output:q}"


rule theory:
    """Render the page that explains batch normalization, with verdicts on its statements."""
    input:
        claims=(
            ["reports/claims.csv", "data/results/claims/analyses.csv"]
            if PLAN.claim_studies
            else []
        ),
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
        mem_mb=memory_for("theory", ()),
        runtime=minutes_for("theory", ()),
    params:
        code=code_of("theory"),
        links=as_json(PLAN.pages),
        declared=PLAN.declared_claims,
        claims=as_json(bool(PLAN.claim_studies)),
        root=lambda wildcards, output: str(Path(output[0]).parents[1]),
        config=PLAN.config,
    shell:
        "bnmatrix theory --config {params.config:q} --log {log:q}"
        " --claims {params.claims:q} --links {params.links:q} --results {params.root:q} --output {output:q}"
