"""From annotations to an artifact: `python -m train configs/default.yaml`, or `train(load_config(path))` from Python."""
