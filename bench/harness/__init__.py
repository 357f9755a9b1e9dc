"""The bench harness: starts servers and loads, a core each, and makes tables and pages of it."""
