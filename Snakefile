# Measures what batch normalization does to a network: data sets → runs → statistics → report.
#
#   snakemake --cores 4                                   all studies whose data is available
#   snakemake --cores 4 reports/iris-64-32.html           one study
#   snakemake --cores 4 reports/claims.html               all claims, and only studies that they need
#   snakemake --cores 4 --config replicates=2             config/config.yaml lists the keys

from snakemake.utils import min_version

min_version("9.0")


configfile: "config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/functions.smk"
include: "workflow/rules/datasets.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/analysis.smk"
include: "workflow/rules/report.smk"


if PLAN.project.run.container:

    container: PLAN.project.run.container


# The inspections of a user's own data, for jobs on machines without the data.
envvars:
    "BNMATRIX_INSPECTED",


# These rules run on the machine of the main process: they need the network, which nodes of a
# cluster may lack, or take only seconds, or depend on the list of studies from the main process.
localrules:
    all,
    combine,
    download,
    explorer,
    overview,
    prepare,
    theory,


rule all:
    """Make the pages of all studies whose data is available, and the overview."""
    default_target: True
    input:
        expand("reports/{page}.html", page=["index", "explorer", "theory"]),
        "reports/runs.csv",
        "reports/timings.csv",
        "reports/provenance.json",
        expand("reports/{study}.html", study=PLAN.matrix),
        expand("reports/{study}.csv", study=PLAN.studies),
        expand("reports/{page}.html", page=["claims", "replications"]) if PLAN.claim_studies else [],


onstart:
    end_jobs_on_signals()


onsuccess:
    announce_success()


onerror:
    logger.error(
        "A job failed; the output above names its log. Finished results are kept. "
        "Run again to continue."
    )
