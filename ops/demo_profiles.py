"""What the demonstration's made-up patients and practitioners have in their profiles. Imports nothing."""

DEMOGRAPHICS = {
    "ana": {"called": "Ana", "sex": "female", "phone": "+351 21 555 0114", "email": "ana@clinic.example", "address": "14 Lighthouse Lane\n1000 Haven",
            "language": "Portuguese, English", "time_zone": "Europe/Lisbon", "emergency_name": "Rui Alvarez", "emergency_relation": "Brother",
            "emergency_phone": "+351 21 555 0199"},
    "ada": {"sex": "female", "phone": "+351 21 555 0102", "address": "2 Quay Street\n1000 Haven", "language": "Portuguese",
            "emergency_name": "Clara Almeida", "emergency_relation": "Daughter", "emergency_phone": "+351 21 555 0103"},
}

BASICS = (
    ("boris", "ana", {"height": "168", "height_unit": "cm", "weight": "64.5", "weight_unit": "kg", "blood_group": "A+", "smoking": "former",
                      "smoking_more": "until 2019, ten a day"}),
    ("ana", "ana", {"weight": "63", "weight_unit": "kg", "smoking": "never", "alcohol": "rarely"}),
    ("bella", "ada", {"height": "159", "height_unit": "cm", "weight": "71", "weight_unit": "kg", "smoking": "never", "alcohol": "rarely"}),
)

# Who says it of whom; without a name that nothing of the kind is known.
ITEMS = (
    ("boris", "ana", {"kind": "allergy", "name": "Penicillin", "detail": "Rash on arms and chest within a day", "severity": "severe", "since": "2011"}),
    ("ana", "ana", {"kind": "allergy", "name": "Hazelnuts", "detail": "My mouth itches", "severity": "mild"}),
    ("boris", "ana", {"kind": "condition", "name": "Asthma", "since": "2015"}),
    ("boris", "ana", {"kind": "medication", "name": "Budesonide inhaler 200 µg", "detail": "Two puffs in the morning, two at night", "since": "2026-11"}),
    ("ana", "ana", {"kind": "medication", "name": "Vitamin D", "detail": "One drop a day in winter"}),
    ("ana", "ana", {"kind": "procedure", "name": "Appendix taken out", "since": "1999"}),
    ("bella", "ada", {"kind": "allergy"}),
    ("bella", "ada", {"kind": "condition", "name": "High blood pressure", "since": "2008"}),
    ("bella", "ada", {"kind": "medication", "name": "Ramipril 5 mg", "detail": "One tablet in the evening"}),
)

NOTES = (("boris", "ana", "Anxious about the inhaler’s side effects: explain, and let her show how she uses it at each visit."),
         ("bella", "ada", "Her daughter Clara measures the blood pressure and reads these messages to her."))

PRACTITIONERS = {
    "boris": {"title": "Dr. med.", "specialties": "Lungs and airways, asthma, sleep", "languages": "English, German, some Portuguese",
              "response_time": "Within one working day",
              "bio": "I look after lungs, from the first cough to a life with asthma.\n\n"
                     "Write to me in plain words; what helps most is what you noticed and when."},
    "bella": {"title": "Dr.", "specialties": "Heart and circulation, high blood pressure", "languages": "English, French",
              "response_time": "By the evening of the same day, Monday to Friday",
              "bio": "Blood pressure is my daily bread. Please send your values as a list, with the time of day."},
}
