"""The Dagster assets: each reads like the drawing in the README."""
