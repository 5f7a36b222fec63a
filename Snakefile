# Measures what batch normalization does to a network: data sets → runs → statistics → report.
#
#   snakemake --cores 4                                   all studies whose data is available
#   snakemake --cores 4 reports/iris-64-32.html           one study
#   snakemake --cores 4 reports/claims.html               all claims, and only studies that they need
#   snakemake --cores 4 --config replicates=2             config/config.yaml lists the keys


include: "workflow/Snakefile"


# Snakemake ignores the default target of an included file.
localrules:
    default,


rule default:
    """Make everything that rule `all` makes."""
    default_target: True
    input:
        rules.all.input,
