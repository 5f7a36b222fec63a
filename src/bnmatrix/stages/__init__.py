"""Stages of the pipeline. Each stage is a module with a function ``run``.

A stage reads files and writes files. A change to any module that it imports runs the stage again
(see :mod:`bnmatrix.plan.fingerprint`).
"""
