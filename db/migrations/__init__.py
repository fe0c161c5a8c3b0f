"""How the database came to its schema, step by step; each step is frozen once it was released."""
