"""Loggers of libraries, silenced by several threads at once."""

import logging
from contextlib import ExitStack

from labels.silence import silenced


def test_a_logger_is_silent_until_the_last_block_is_done():
    """Blocks of threads overlap: the first one may be done first. A page is read in each, and log lines may quote it."""
    logger = logging.getLogger("a_library")
    logger.setLevel(logging.INFO)
    with ExitStack() as first, ExitStack() as second:
        first.enter_context(silenced("a_library"))
        second.enter_context(silenced("a_library"))
        first.close()
        assert not logger.isEnabledFor(logging.CRITICAL)
        second.close()
        assert logger.level == logging.INFO
