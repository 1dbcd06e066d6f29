"""Who lives in the demonstration, and what they have said so far. Everybody and everything is made up. Imports nothing."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Person:
    """One made-up person; `key` is the name in ready.json and before the @ of the e-mail address."""

    key: str
    name: str
    role: str
    birth_date: date | None = None

    @property
    def email(self) -> str:
        """Where nobody receives mail."""
        return f"{self.key}@clinic.example"


PEOPLE = (
    Person("ana", "Ana Alvarez", "patient", date(1987, 3, 14)),
    Person("ada", "Ada Almeida", "patient", date(1954, 11, 2)),
    Person("boris", "Boris Brandt", "practitioner"),
    Person("bella", "Bella Baptiste", "practitioner"),
    Person("chen", "Chen Cheng", "coordinator"),
    Person("dina", "Dina Dunn", "admin"),
)

# What the clinic is paid for; prices in euros. One with price_may_change lets staff ask for another amount.
SERVICES = (
    {"name": "Video consultation", "price": "60.00", "currency": "EUR", "description": "Half an hour by video with your practitioner.",
     "response_hours": "24", "tax_note": "Medical care, exempt from VAT"},
    {"name": "Prescription renewal", "price": "15.00", "currency": "EUR", "description": "We look through your medication and renew the prescription.",
     "response_hours": "48", "tax_note": "Medical care, exempt from VAT"},
    {"name": "Written report", "price": "45.00", "currency": "EUR", "description": "A letter for your employer, school or insurance.",
     "price_may_change": "1", "tax_note": "VAT included"},
)
RECEIPT_HEADER = "3 Harbour Street\n1000 Haven\nTax number 12/345/67890 (made up)"

CLINIC = {"clinic_name": "Harbour Clinic", "emergency_number": "112", "time_zone": "UTC"}

PATIENT_LINKS = (("ana", "boris"), ("ada", "bella"))
COORDINATOR_LINKS = (("chen", "boris"),)


@dataclass(frozen=True)
class Bill:
    """Something that a made-up patient was asked to pay for, accepted, and paid at the desk before the rest was said."""

    service: str
    by: str
    patient: str
    note: str


BILLS = {"ada-bella": Bill("Prescription renewal", "bella", "ada", "In cash at the desk")}

THREADS = {
    "ana-boris": (
        ("boris", "Good morning, Ms Alvarez. This is Dr Brandt. How has the cough been since your visit on Monday?"),
        ("ana", "Good morning! A little better. I still cough at night, but I can sleep again."),
        ("boris", "That sounds like progress. Have you had a fever since then, or any pain when you breathe in?"),
        ("ana", "No fever. My chest feels a bit tight in the morning, it goes away after breakfast."),
        ("boris", "Thank you. Please keep using the inhaler twice a day, and rinse your mouth afterwards."),
        ("chen", "Hello Ms Alvarez, this is Chen from Dr Brandt's team. I can offer you a follow-up on Thursday at 10:40 or Friday at 15:20."),
        ("ana", "Thursday at 10:40 is good for me, thank you."),
        ("chen", "Noted: Thursday, 10:40, room 3. Please bring the inhaler with you."),
        ("boris", "If it gets worse before then, or you get short of breath, write here at once or call us."),
        ("ana", "I will. Thank you both!"),
    ),
    "ada-bella": (
        ("bella", "Dear Ms Almeida, your blood results are in. The values are all in the range we hoped for."),
        ("ada", "Oh, that is a relief. Does that mean I can stop with the evening tablet?"),
        ("bella", "Not yet: the good values show that it works. Let us look at the dose together in four weeks."),
        ("ada", "All right. I sometimes feel dizzy when I get up. Could that be the tablet?"),
        ("bella", "It could be. Please get up slowly and write down your blood pressure each morning this week."),
        ("ada", "My daughter helps me with the machine. This morning it was 128 over 74."),
        ("bella", "That is a fine value. Send me the numbers on Sunday, and we will decide then."),
        ("ada", "I will do that. Have a good day, doctor."),
    ),
    "boris-bella": (
        ("boris", "Bella, could you cover my patients on the 4th and 5th? I am at the respiratory course."),
        ("bella", "Yes, no problem. Is there anybody I should look out for?"),
        ("boris", "One follow-up on Thursday that Chen has just arranged. Everything is in the thread."),
        ("bella", "Good. I will read it on Wednesday evening and ask you if anything is unclear."),
        ("boris", "Thank you. I take your Monday clinic in exchange."),
        ("bella", "Deal. The coffee is on you as well."),
    ),
}


@dataclass(frozen=True)
class Group:
    """A made-up group: its admin, who else is in it, and what they have said."""

    title: str
    admin: str
    people: tuple[str, ...]
    talk: tuple[tuple[str, str], ...]


GROUPS = {
    "care-of-ada": Group(
        "Care of Ada Almeida",
        "bella",
        ("ada", "boris"),
        (
            ("bella", "Dear Ms Almeida, Dr Brandt is here too: he will look after your lungs, I stay with the blood pressure."),
            ("boris", "Good morning, Ms Almeida. I have read your history. Do you get short of breath on the stairs?"),
            ("ada", "Only on the third floor. It is good to have you both in one place."),
        ),
    ),
}
