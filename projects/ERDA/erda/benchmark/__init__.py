"""Matrices of trainings and tests: a room of its own, behind all others, that only ``tools/benchmark.py`` needs."""
