"""From annotations to an artefact: `python -m train configs/default.yaml`, or `train(load_config(path))` from Python."""
