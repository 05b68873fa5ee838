"""The dock widget: form, controllers of its buttons, estimate and job list."""
