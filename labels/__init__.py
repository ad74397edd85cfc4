"""What is labelled and how: files and pages go in; articles, their sentences and annotations come out.

scheme        the labels
articles      files, pages and archives → Article, Sentence
annotations   the corpus of gold labels: reading, writing, adjudicating, agreement
studio        Label Studio: screens, tasks, answers, the server's client

Nothing here imports machine learning.
"""
