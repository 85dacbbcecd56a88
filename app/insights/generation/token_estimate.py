"""Upper bound of the number of tokens of a text, for any model."""

import re

# Tokenizers that are in use (byte-pair encodings of some 100,000 entries) cut words at spaces and
# at changes of kind. What they need at most, in what stands in a context:
LETTERS_PER_TOKEN = 3
DIGITS_PER_TOKEN = 2

_PIECES = re.compile(r"[A-Za-z]+|[0-9]+|\s+|.", re.DOTALL)


def tokens_at_most(text: str) -> int:
    """A bound that errs on the safe side: of English text it is about one and a half times what
    o200k or Claude's tokenizer counts.

    Each run of letters is a token for every three, of digits for every two; each other sign is one,
    outside ASCII each byte. A single space goes with the word after it.
    """
    total = 0
    for piece in _PIECES.findall(text):
        first = piece[0]
        if first.isascii() and first.isalpha():
            total += -(-len(piece) // LETTERS_PER_TOKEN)
        elif first.isascii() and first.isdigit():
            total += -(-len(piece) // DIGITS_PER_TOKEN)
        elif piece.isspace():
            total += len(piece.encode()) if piece != " " else 0
        else:
            total += len(piece.encode())
    return total
