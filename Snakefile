# What batch normalization does to a network, measured: datasets → runs → statistics → report.
#
#   snakemake --cores 4                                   everything that the data at hand allows
#   snakemake --cores 4 reports/iris-64-32.html           one study
#   snakemake --cores 4 reports/claims.html               every claim, and no other study
#   snakemake --cores 4 --config replicates=2             see config/config.yaml for what can be set

from snakemake.utils import min_version

min_version("9.0")


configfile: "config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/datasets.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/analysis.smk"
include: "workflow/rules/report.smk"


if PROJECT.run.container:

    container: PROJECT.run.container


# What is in data of one's own, for jobs that run where its files are not.
envvars:
    INSPECTED_VARIABLE,


# Where snakemake itself runs: what needs the network, which nodes of a cluster may not have; what
# takes seconds; and what is told by the main process which studies there are.
localrules:
    all,
    combine,
    download,
    explorer,
    overview,
    prepare,
    theory,


rule all:
    """Every study whose data can be had, and the overview."""
    default_target: True
    input:
        expand("reports/{page}.html", page=["index", "explorer", "theory"]),
        "reports/runs.csv",
        "reports/timings.csv",
        "reports/provenance.json",
        expand("reports/{study}.html", study=MATRIX),
        expand("reports/{study}.csv", study=STUDIES),
        expand("reports/{page}.html", page=["claims", "replications"]) if CLAIM_STUDIES else [],


onsuccess:
    announce_success()


onerror:
    announce_failure()
