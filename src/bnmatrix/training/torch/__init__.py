"""Training in PyTorch: the only package that imports it."""
