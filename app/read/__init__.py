"""The way out: filters + window -> one bounded statement -> rows -> answer."""
