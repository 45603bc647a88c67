"""A province that is made up: regions, agencies, systems, hosts and a year of their history, with faults by name.

For tests, benchmarks and the demo. Everything is a pure function of the seed and the moment, so that a status at any
moment, and with it a time series, comes out the same wherever and in whatever order it is asked for.
"""

from guardian.province.estate import Shape as Shape
from guardian.province.faults import FAULTS as FAULTS
from guardian.province.made import Province as Province
