"""PostgreSQL: engine, sessions, transactions, errors, locks, migrations, verification."""
