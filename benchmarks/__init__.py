"""The measurements behind what documentation and decision records claim: one command each."""
