"""Archives of any size, tagged in bounded memory.

shards     a stretch of an archive → files of sentences
run        the whole archive: the command, what is done already, errors
cluster    the same on a Ray cluster
"""
