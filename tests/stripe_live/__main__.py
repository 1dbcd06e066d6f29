"""Opens a session at Stripe itself for somebody to pay by hand: STRIPE_TEST_KEY=sk_test_… python -m tests.stripe_live. See test_stripe_itself.py."""

import os
import sys
import time

from tests.support.stripe_asking import asking
from web.gateways.stripe import StripeProvider

key = os.environ.get("STRIPE_TEST_KEY", "")
if not key.startswith(("sk_test_", "rk_test_")):
    sys.exit("STRIPE_TEST_KEY is no test key (sk_test_… or rk_test_…).")
opened = StripeProvider(key).open(asking(f"hand{time.time_ns()}"))
print(f"Pay here with 4242 4242 4242 4242:\n{opened.url}\nThen run the suite with STRIPE_PAID_SESSION={opened.reference}")
