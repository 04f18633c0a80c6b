"""Adapter banks: one row of parameters a user, so that one forward holds many users."""
