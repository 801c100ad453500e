"""What flows in or out on its own clock: rates, settlement, webhooks, XML."""
