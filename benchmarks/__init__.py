"""The measurements behind what the README and the decision records claim: one command each."""
