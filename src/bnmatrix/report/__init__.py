"""Figures and pages. Reads tables, computes no statistics, runs no network."""
