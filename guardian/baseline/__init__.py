"""Security baselines: facts of a target, rules over them, and verdicts that cannot lie.

Facts are collected once (:mod:`guardian.baseline.facts`), each a value or the reason why it could not be read.
:mod:`guardian.baseline.evaluate` decides over them with three-valued logic and touches nothing: a fact that is hidden
can turn a verdict into ``unknown`` and into nothing else.
"""
