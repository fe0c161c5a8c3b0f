"""Faces with known action units: photos of persons re-rendered with other expressions, poses and light."""
