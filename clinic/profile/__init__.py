"""Profiles. Of a patient: who they are, their health, staff's notes; only ever added to. Of a practitioner: what patients read of them."""
