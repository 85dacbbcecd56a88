"""Programs for working on the repository; the service does not use them."""
