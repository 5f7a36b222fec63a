"""Endpoints: the quantities by which claims are judged, computed from the tables of a study.

An endpoint gives one value per replicate for each of two arms. To add an endpoint, write a function
in the module of its subject, with a decorator of :mod:`bnmatrix.statistics.endpoints.registry`. No
other file changes. In ``config/claims.yaml``, the endpoint has the name of the function.

Snakemake checks the configuration against these declarations at each start. Therefore modules of
this package import pandas only inside functions.
"""
