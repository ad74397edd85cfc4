"""What is labelled and how: the label scheme, articles and their sentences, and the annotations of record."""
