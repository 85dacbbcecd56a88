"""Labelled values and payloads for `benchmarks.pii`."""
