"""What measures: speed, memory and scores beside other tools.

Each is a command: `python -m scripts.bench.NAME --help`. Figures go to docs/measured.
"""
