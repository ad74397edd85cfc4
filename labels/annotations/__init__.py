"""The annotations: gold labels of sentences, the votes that they are made from, and how far annotators agree.

corpus      a corpus folder → AnnotatedArticle, and back; adjudicating votes
standoff    labels without their texts, and joining them to texts that somebody has
agreement   kappa, alpha and confusion of each pair of annotators
"""

from labels.annotations.corpus import (
    AnnotatedArticle,
    Annotation,
    LabeledSentence,
    Span,
    adjudicate,
    read_corpus,
    write_corpus,
)

__all__ = ["AnnotatedArticle", "Annotation", "LabeledSentence", "Span", "adjudicate", "read_corpus", "write_corpus"]
