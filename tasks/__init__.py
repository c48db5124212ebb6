"""Prefect tasks: a thin skin around one step each, over one shard."""
