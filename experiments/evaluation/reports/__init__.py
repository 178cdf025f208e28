"""What an evaluation writes: results as Markdown tables, and curves as plots."""
