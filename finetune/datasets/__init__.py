"""DISFA and BP4D as they are distributed: read, aligned and kept as Parquet shards, one for each subject."""
