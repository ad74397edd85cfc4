"""From annotations to an artifact: `python -m train configs/default.yaml`.

In: a config (`train.config`) and the corpora that it names. Out: an artifact folder, which `models.Tagger.load` reads. From
Python, `train.run.train(load_config(path))` does the same.
"""
