"""Matrices of trainings: cells, runs, tables, plots."""
