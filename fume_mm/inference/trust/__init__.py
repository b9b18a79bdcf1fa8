"""Whether, and how far, a verdict can be trusted: the gate, conformal sets, words."""
