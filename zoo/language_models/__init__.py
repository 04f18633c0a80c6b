"""Language models that are asked for text: local ones, endpoints, and a cache in front of either."""
