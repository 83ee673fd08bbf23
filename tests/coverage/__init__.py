"""Tests of what a plan covers."""
