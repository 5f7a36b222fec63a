"""Statistics: pure functions on arrays and tables. No function here knows a study or a claim.

- :mod:`~bnmatrix.statistics.paired`: the effect of a treatment over pairs, its interval and tests;
- :mod:`~bnmatrix.statistics.means`: means and shares of one arm, differences of summaries;
- :mod:`~bnmatrix.statistics.verdicts`: what effects say of a claim;
- :mod:`~bnmatrix.statistics.endpoints`: from the tables of a study to one value per replicate;
- :mod:`~bnmatrix.statistics.scoring`: the accuracy of a diverged run;
- :mod:`~bnmatrix.statistics.comparisons`, ``frameworks``, ``confusions``, ``agreement``: tables;
- :mod:`~bnmatrix.statistics.units`: how differences are written.
"""
