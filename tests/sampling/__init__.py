"""Tests of what chooses among patches."""
