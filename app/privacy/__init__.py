"""Retention, erasure and opt-outs: what is stored, for how long, and how it is deleted."""
