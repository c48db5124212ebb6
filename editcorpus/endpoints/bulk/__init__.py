"""Batches: many requests in one file, answered within a day at half the price."""

from editcorpus.endpoints.bulk.bulk import Bulk
from editcorpus.endpoints.bulk.facts import BatchFacts
from editcorpus.endpoints.bulk.hall import WAITS
from editcorpus.endpoints.bulk.money import Purses

__all__ = ["WAITS", "BatchFacts", "Bulk", "Purses"]
