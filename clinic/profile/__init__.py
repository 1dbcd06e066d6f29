"""The patient profile. For now who the patient is and which threads the reader shares with them."""
