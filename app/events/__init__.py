"""Events: their tables, the inverted index over them, the commands that change them and the queries that find them."""
