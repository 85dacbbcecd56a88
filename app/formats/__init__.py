"""Small formats that everything may use: identifiers, origins, printable text."""
