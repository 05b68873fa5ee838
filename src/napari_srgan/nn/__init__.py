"""Networks as plain torch modules; they know tensors only."""
