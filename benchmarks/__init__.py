"""Measurements: what README says about accuracy and speed is made by the commands in this folder."""
