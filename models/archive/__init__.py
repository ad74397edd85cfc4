"""Tag archives of any size in bounded memory.

run        the command: the whole archive, on one process or on a cluster; parts that are done already are skipped
shards     a stretch of an archive → Parquet files of sentences
cluster    run the shards on a Ray cluster
"""
