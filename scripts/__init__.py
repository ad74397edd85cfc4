"""One verb each, run as `python -m scripts.NAME`."""
