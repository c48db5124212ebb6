"""Prefect flows: one file per thing that a user starts."""
