"""From the tables of the studies to the verdict on each claim.

- :mod:`~bnmatrix.claims.arms`: the tables that claims are judged by;
- :mod:`~bnmatrix.claims.analyses`: the effect of each declared analysis;
- :mod:`~bnmatrix.claims.verdicts`: the verdict on each claim, and its sentence;
- :mod:`~bnmatrix.claims.replications`: published figures beside those measured here.
"""
