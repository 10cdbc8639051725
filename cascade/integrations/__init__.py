"""The cascade inside other libraries. Each needs its library installed, and loads it when it is imported."""
