"""The paper's questions, answered again in miniature: python -m lessons.miniatures"""
