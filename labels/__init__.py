"""What is labelled and how. In come files and pages, out go articles, their sentences, and the annotations of them.

scheme        the labels
articles      what people bring → Article, Sentence
annotations   the corpus of gold labels: reading, writing, adjudicating, agreement
studio        Label Studio: screens, tasks, answers, the server's client

Nothing here imports machine learning.
"""
