"""Training in Keras on TensorFlow: the only package that imports either."""
