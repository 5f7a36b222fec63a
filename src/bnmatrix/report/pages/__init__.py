"""Pages: each a function from tables and figures to one self-contained HTML file."""
