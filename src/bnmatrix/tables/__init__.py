"""The tables that stages exchange: columns, files and CSV."""
