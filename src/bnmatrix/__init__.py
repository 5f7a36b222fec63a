"""What batch normalization does to a network, measured.

Data flows one way: datasets → variants → runs → statistics → report.
No module knows the one after it, and only :mod:`bnmatrix.training` imports TensorFlow.
"""
