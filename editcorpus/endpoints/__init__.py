"""The model APIs: one engine that holds hundreds of calls in flight, and one file per API."""
