"""Signs the cases of signature_cases.json with stripe-python, Stripe's own library, and prints the
vectors that core's signature tests must accept. In a virtual environment with `pip install stripe`,
from this directory: python make_signature_vectors.py > signature_vectors_python.json
"""

import json
from pathlib import Path

import stripe


def vector(case):
    payload = case["payload"] if "payload" in case else Path(case["file"]).read_text("utf-8")
    secret, timestamp = case["secret"], case["timestamp"]
    header = stripe.WebhookSignature.generate_signature_header(payload, secret, timestamp)
    return {"secret": secret, "timestamp": timestamp, "payload": payload, "header": header}


cases = json.loads(Path("signature_cases.json").read_text("utf-8"))
made_with = f"stripe-python {stripe.VERSION}, WebhookSignature.generate_signature_header"
print(json.dumps({"made_with": made_with, "vectors": [vector(c) for c in cases]}, indent=2))
