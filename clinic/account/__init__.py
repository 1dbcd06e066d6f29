"""Accounts, roles, links, devices and sessions: tables, actions, views."""
