"""What is measured of a network besides its accuracy; no module here imports a framework."""
