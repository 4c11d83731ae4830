"""Tests of a contact's history."""
