"""The way in: body -> parse -> prepare -> insert -> verdict.

`writer.write_batch` is the one function behind both log routes.
"""
