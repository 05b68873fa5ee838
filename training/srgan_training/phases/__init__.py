"""Training phases of SRGAN as Lightning modules, and their shared components."""
