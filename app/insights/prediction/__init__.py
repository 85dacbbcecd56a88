"""Prediction of a user's next actions."""
