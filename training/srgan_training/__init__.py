"""Train, fine-tune and evaluate the models of napari-srgan."""
