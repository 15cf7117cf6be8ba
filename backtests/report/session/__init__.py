"""The report of a paper session: page, tables, figures, terminal."""
