"""Services that a clinic asks payment for, requests for it, the gate that an unanswered one closes, and what was paid."""
