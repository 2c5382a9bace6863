"""Drawings of digits with known answers, by two hands on many papers. The road from a picture to the model was tuned on `first`;
`second`, with other strokes, other pens and other papers, was looked at only for its result."""
