"""Benchmarks: speed, memory, and scores beside other tools.

Each is a command: `python -m scripts.bench.NAME --help`. Results are written to docs/measured.
"""
