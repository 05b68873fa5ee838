"""The training phases of SRGAN as Lightning modules, and what they share."""
