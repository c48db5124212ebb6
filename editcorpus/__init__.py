"""The core of editcorpus: what is done to a triplet, without an orchestrator."""
