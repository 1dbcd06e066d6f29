"""Who is in a thread by people's own decision: groups, names, invitations, leaving, share links."""
