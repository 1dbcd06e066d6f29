"""Short videos: staff ask a patient for one, the patient records or chooses it, and who the thread is for can play it."""
