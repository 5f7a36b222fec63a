"""What a user declares under ``config/``: typed models, and how they are read and checked."""
