"""The named alternatives of training settings: types of the settings and of command line options.

This module imports nothing of ours, so that the command line starts without the training libraries.
"""

from typing import Literal, TypeAlias

Factorisation: TypeAlias = Literal["als", "bpr", "sgd", "als_explicit"]
ItemSimilarity: TypeAlias = Literal["cosine", "adjusted_cosine", "bm25"]
IndexKind: TypeAlias = Literal["auto", "flat", "sq8", "ivf_flat", "ivf_sq8", "ivf_pq"]
