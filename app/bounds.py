"""Types of numbers in a configuration, with their bounds. Files are checked; code is trusted."""

from math import inf
from typing import Annotated, TypeAlias

from annotated_types import Ge, Gt, Le, Lt

Count: TypeAlias = Annotated[int, Ge(1)]
Whole: TypeAlias = Annotated[int, Ge(0)]
AtLeastTwo: TypeAlias = Annotated[int, Ge(2)]
Seed: TypeAlias = Annotated[int, Ge(0), Lt(2**31)]  # LightGBM accepts no larger one
Positive: TypeAlias = Annotated[float, Gt(0), Lt(inf)]
NotNegative: TypeAlias = Annotated[float, Ge(0), Lt(inf)]
Share: TypeAlias = Annotated[float, Ge(0), Le(1)]
Seconds: TypeAlias = Annotated[float, Gt(0)]  # inf: unlimited
