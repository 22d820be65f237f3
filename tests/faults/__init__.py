"""Upgrades on the embedded cluster while everything goes wrong that can go wrong between us and the API server."""
