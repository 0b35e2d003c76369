"""`neucam-prepare`: folders of photographs taken from many places, and where the camera was for each."""
