"""Articles and their sentences: files, pages, addresses and archives go in; `Article` and `Sentence` come out.

sources       read_articles: files, folders, globs, addresses, standard input
readers       the text of one file → articles (text, HTML, JSONL)
decoding      bytes → text, text → rows of JSON
fetch         a page over the network, within limits of size and time
boilerplate   lines that are plainly not article text
splitting     an article → sentences with offsets
archive       an archive of any size, in shards
article       the records
"""

from labels.articles.article import METADATA, Article, Sentence, Split, metadata
from labels.articles.sources import read_articles, read_split
from labels.articles.splitting import sentences_of, split

__all__ = ["METADATA", "Article", "Sentence", "Split", "metadata", "read_articles", "read_split", "sentences_of", "split"]
