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
        code=code("report/figures.py", "report/labels.py"),
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


PAGE_CODE = code("report/*.py", "report/templates/*")


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


rule overview:
    """Render the overview of all studies, and of those that were left out."""
    input:
        summaries=expand("data/results/{study}/summary.csv", study=STUDIES),
        comparisons=expand("data/results/{study}/comparisons.csv", study=STUDIES),
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
        studies=as_json(STUDIES),
        left_out=as_json(LEFT_OUT),
        declared=as_json({name: PROJECT.study(name).title for name in STUDIES}),
        config=CONFIG,
    shell:
        "python -m bnmatrix overview --config {params.config:q} --log {log:q}"
        " --studies {params.studies:q} --left-out {params.left_out:q} --results . --output {output:q}"
