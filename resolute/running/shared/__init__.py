"""What flows and runs share: budgets, cursors, memory, mutes. Each key of it has a book, kept in one place."""
