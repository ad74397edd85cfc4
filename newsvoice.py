"""newsvoice: who is speaking in a news article, the outlet or somebody it quotes?

newsvoice article.txt page.html                 tag articles
newsvoice serve                                 a page to paste articles into, and a JSON API
newsvoice tag-archive articles.parquet tagged/
newsvoice train configs/default.yaml
newsvoice studio create "Tunnel"                annotate in Label Studio
newsvoice VERB --help
"""

import sys
from collections.abc import Sequence

from labels.commands import command, execute
from models.__main__ import add_verbs, with_verb


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    from models import studio
    from train import __main__ as train
    from train import retrain

    parser = command(__doc__, "newsvoice")
    verbs = add_verbs(parser, serve=retrain)
    train.add_to(verbs)
    studio.add_to(verbs)
    return execute(parser, arguments=with_verb(sys.argv[1:] if arguments is None else arguments, verbs))


if __name__ == "__main__":
    sys.exit(main())
