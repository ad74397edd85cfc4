"""Articles and their sentences. In go files, pages, addresses and archives, out come `Article` and `Sentence`.

sources       read_articles: files, folders, globs, addresses, standard input
readers       the text of one file → articles (text, HTML, JSONL)
decoding      bytes → text, text → rows of JSON
fetch         a page over the network, within limits
boilerplate   lines that plainly are no article text
splitting     an article → sentences with offsets
archive       an archive of any size, in stretches
article       the records
"""

from labels.articles.article import METADATA, Article, Sentence, Split, metadata
from labels.articles.sources import read_articles, read_split
from labels.articles.splitting import sentences_of, split

__all__ = ["METADATA", "Article", "Sentence", "Split", "metadata", "read_articles", "read_split", "sentences_of", "split"]
