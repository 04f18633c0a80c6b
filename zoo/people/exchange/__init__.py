"""Studies for other annotation tools, and their results back: Label Studio and potato."""
