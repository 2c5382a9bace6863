"""The paper's questions, and those of better ViTs, answered again in miniature: python -m lessons.miniatures"""
