"""From annotation CSVs to samples: reading, pairing, splitting.

Nothing is imported here: the CSV tools need pandas alone, not torch.
"""
