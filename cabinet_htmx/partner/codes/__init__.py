"""Views of referral codes and their links."""
