"""HTTP: parse, call one function, return."""
