"""Training many users side by side, each exactly as if alone."""
