"""Helpers of the tests: real servers on free loopback ports, and small clients."""
