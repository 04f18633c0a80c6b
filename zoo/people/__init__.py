"""People in the loop: they talk to models, and judge replies."""
