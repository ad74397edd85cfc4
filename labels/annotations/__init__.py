"""The annotations: gold labels of sentences, the votes they rest on, and how far annotators agree.

corpus      a corpus folder → AnnotatedArticle, and back; adjudicating votes
standoff    labels without their texts, and how they are joined to texts that somebody has
agreement   kappa, alpha, who differs from whom
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
