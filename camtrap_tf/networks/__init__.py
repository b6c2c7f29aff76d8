"""Networks: how they are built, what they start from, and how they are kept."""
