"""One command each: `python -m scripts.NAME --help`. They are run from a checkout; pip does not install them."""
