"""Saved connections: model endpoints and stores."""
