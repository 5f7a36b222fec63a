"""A user's own data sets: looking into their files, and reading them.

Modules and functions named `own` are for these data sets, and for nothing else.
"""
