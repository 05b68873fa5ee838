"""Networks that only training needs: discriminators and feature networks."""
