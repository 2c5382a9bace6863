"""The checker: what is wrong with what a learner wrote, and how it is run so that nothing can go wrong with us."""
