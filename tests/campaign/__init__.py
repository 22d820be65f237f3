"""The campaign: random stories of what owners, other controllers and clusters do, judged by what must always hold.

    seed ─ generator ─> Story ─ play (with us, and without) ─> Trace ─ judges ─> Verdicts ─ shrink ─> a short story

It finds kinds of faults; a scenario (tests/scenarios) holds one that was found. `python -m tests.campaign --help`.
What it cannot express: docs/design/campaign.md.
"""
